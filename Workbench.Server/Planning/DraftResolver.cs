using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Peft.Core.Methods;
using Peft.Core.Training;
using Workbench.Client.Contracts;
using Workbench.Server.Methods;

namespace Workbench.Server.Planning;

/// <summary>A draft with every default filled in.</summary>
/// <param name="Peft">Options of the method under Hugging Face names, <c>peft_type</c> included.</param>
/// <param name="Training">Training arguments under Hugging Face names.</param>
/// <param name="Unknown">Names in the draft that neither the method nor the trainer knows.</param>
public sealed record ResolvedDraft(JsonObject Peft, JsonObject Training, IReadOnlyList<string> Unknown);

/// <summary>Fills in what a person left out: method options first, then the training arguments that suit them.</summary>
public static partial class DraftResolver
{
    private static readonly HashSet<string> s_arguments = TrainingOption.All.Select(option => option.Name).ToHashSet(StringComparer.Ordinal);

    /// <param name="draft">What was filled in.</param>
    /// <param name="maxPositions">Longest text of the base.</param>
    /// <param name="task">What is learned, by PEFT's name.</param>
    public static ResolvedDraft Resolve(RunDraft draft, int maxPositions, string task = "CAUSAL_LM")
    {
        ArgumentNullException.ThrowIfNull(draft);
        var unknown = new List<string>();
        var peft = Options(draft, task, unknown);
        var training = TrainingDefaults.Arguments(draft.PeftType, peft, StepsOf(draft), maxPositions).ToJson();
        foreach (var (name, value) in draft.Training)
        {
            if (!s_arguments.Contains(name))
                unknown.Add(name);
            else if (value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined))
                training[name] = JsonNode.Parse(value.GetRawText());
        }

        return new ResolvedDraft(peft, training, unknown);
    }

    private static JsonObject Options(RunDraft draft, string task, List<string> unknown)
    {
        var peft = new JsonObject { ["peft_type"] = draft.PeftType, ["task_type"] = task };
        if (draft.PeftType == TrainingDefaults.Baseline)
        {
            unknown.AddRange(draft.Peft.Keys);
            return peft;
        }

        var method = PeftMethodRegistry.Find(draft.PeftType);
        var defaults = TrainingDefaults.Options(draft.PeftType);
        foreach (var option in method.Options)
        {
            var value = draft.Peft.TryGetValue(option.Name, out var given)
                ? Normalize(option, given)
                : (defaults.ContainsKey(option.Name) ? defaults[option.Name] : option.Default)?.DeepClone();
            if (value is not null)
                peft[option.Name] = value;
        }

        unknown.AddRange(draft.Peft.Keys.Where(name => method.Options.All(option => option.Name != name)));
        return peft;
    }

    /// <summary>A form sends texts; lists of modules, numbers and maps become what the engine reads. What cannot be read is left as it is, to be refused by name.</summary>
    private static JsonNode? Normalize(PeftOption option, JsonElement value)
    {
        var node = value.ValueKind is JsonValueKind.Undefined ? null : JsonNode.Parse(value.GetRawText());
        if (value.ValueKind == JsonValueKind.String && value.GetString()!.Trim() is var text)
        {
            return option.Kind switch
            {
                _ when text.Length == 0 && option.Kind != PeftOptionKind.Choice => null,
                PeftOptionKind.Modules => Modules(text),
                PeftOptionKind.Map => Parse(text) ?? node,
                PeftOptionKind.Integers => Integers(SplitList(text)),
                PeftOptionKind.Names => Texts(SplitList(text)),
                _ => node,
            };
        }

        if (node is JsonArray { Count: 0 })
            return null;
        return option.Kind == PeftOptionKind.Integers && node is JsonArray list ? Integers([.. list.Select(item => item?.ToString() ?? "")]) : node;
    }

    /// <summary>Module names separated by commas are a list; anything else is <c>all-linear</c> or a regular expression.</summary>
    private static JsonNode Modules(string text) =>
        text != "all-linear" && ModuleNames().IsMatch(text) ? Texts(SplitList(text)) : JsonValue.Create(text);

    private static string[] SplitList(string text) => text.Split([',', '，', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static JsonArray Texts(IEnumerable<string> items) => new([.. items.Select(item => (JsonNode)JsonValue.Create(item))]);

    private static JsonArray Integers(string[] items) => new([.. items.Select(item =>
        int.TryParse(item, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? JsonValue.Create(number) : (JsonNode)JsonValue.Create(item))]);

    private static JsonNode? Parse(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            // Left as the text it is: the method's reader refuses it and names the field.
            return null;
        }
    }

    private static int? StepsOf(RunDraft draft) =>
        draft.Training.TryGetValue("max_steps", out var steps) && steps.ValueKind == JsonValueKind.Number && steps.TryGetInt32(out var count) ? count : null;

    [GeneratedRegex(@"^[A-Za-z_][\w.]*(\s*[,，\s]\s*[A-Za-z_][\w.]*)*$")]
    private static partial Regex ModuleNames();
}
