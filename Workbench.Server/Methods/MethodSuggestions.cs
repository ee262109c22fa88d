using Peft.Core;
using Peft.Core.Methods;
using Peft.Core.Models;
using Workbench.Client.Contracts;
using Workbench.Server.Planning;

namespace Workbench.Server.Methods;

/// <summary>What to take instead of a method that makes no sense on a base: the nearest ones by its descriptor that do, with the workbench's defaults.</summary>
public static class MethodSuggestions
{
    /// <summary>Methods to offer, nearest first.</summary>
    public static IReadOnlyList<string> For(string peftType, ModelConfig model, string task)
    {
        ArgumentNullException.ThrowIfNull(model);
        return [.. (PeftMethodRegistry.TryFind(peftType)?.Nearest ?? []).Where(other => Fits(other, model, task))];
    }

    private static bool Fits(string peftType, ModelConfig model, string task)
    {
        var draft = new RunDraft { DatasetId = "", ModelId = "", PeftType = peftType };
        try
        {
            return PeftConfig.FromJson(DraftResolver.Resolve(draft, model.MaxPositionEmbeddings, task).Peft).Validate(model).IsValid;
        }
        catch (PeftException)
        {
            // A method whose config cannot even be read for this base is no offer.
            return false;
        }
    }
}
