namespace Workbench.Client.Features.Playground;

/// <summary>The lecture's instruction and example; the wording is part of the training data, not of the interface, and is never translated.</summary>
public static class ExtractionPrompt
{
    public const string ExamplePassage =
        "2008年6月23日，刘德华与朱丽倩在美国拉斯维加斯注册结婚。2012年5月9日，朱丽倩在香港养和医院产下女儿刘向蕙。" +
        "刘向蕙出生后，少数看过刘向蕙面貌的圈内人士称，女儿的耳朵像刘德华，长得眉清目秀。";

    public static IReadOnlyList<string> ExampleCandidates { get; } = ["父母", "配偶"];

    /// <summary>How every such instruction begins.</summary>
    public const string Opening = "已知候选的关系列表：";

    public static string Instruction(IEnumerable<string> candidates) =>
        $"{Opening}[{string.Join(',', candidates.Select(name => $"'{name}'"))}]，" +
        "请你根据关系列表，从以下输入中抽取出可能存在的头实体(Subject)与尾实体(Object)，并给出对应的关系三元组。请按照(Subject,Relation,Object)的格式回答。";

    /// <summary>Relation names as a person types them, separated by commas of either script or blanks.</summary>
    public static IReadOnlyList<string> ReadCandidates(string text) =>
        [.. text.Split([',', '，', '、', ';', '；', ' ', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Distinct()];
}
