using Peft.Core;
using Peft.Core.Models;

namespace Workbench.Server.Models;

/// <summary>What the files of a model lack for further tasks that its architecture can do. A language model's next-token head is no note: without it nothing works.</summary>
internal static class ModelTaskNotes
{
    public static IReadOnlyList<string> Of(string path, ModelConfig config)
    {
        if (config.Task == ModelTask.CausalLm)
            return [];
        var (fresh, notes) = (new List<string>(), new List<string>());
        foreach (var task in ModelRegistry.Find(config.ModelType).Tasks.Where(task => task != config.Task))
        {
            try
            {
                if (ModelConfig.Load(path, task).MissingInWeights(path).Count > 0)
                    fresh.Add(task.Name());
            }
            catch (PeftException refused)
            {
                notes.Add($"It cannot be used for {task.Name()}: {refused.Message}");
            }
        }

        if (fresh.Count > 0)
            notes.Insert(0, $"The files hold no head for {string.Join(", ", fresh)}; a new one starts from random values and is trained with the adapter.");
        return notes;
    }
}
