using Workbench.Client.Contracts;
using Workbench.Client.Features.Playground;

namespace Workbench.Client.Features.Datasets;

/// <summary>The lecture's record: two relations asked for, three triples in it.</summary>
public static class LectureRecord
{
    public static RelationFormDto Form { get; } = new(
        ExtractionPrompt.ExampleCandidates,
        ExtractionPrompt.ExamplePassage,
        [new("刘德华", "配偶", "朱丽倩"), new("刘向蕙", "父母", "刘德华"), new("刘向蕙", "父母", "朱丽倩")]);
}
