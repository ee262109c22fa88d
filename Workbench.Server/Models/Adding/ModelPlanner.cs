using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core;
using Peft.Core.Hub;
using Peft.Core.Models;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Planning;

namespace Workbench.Server.Models.Adding;

/// <summary>Says what adding a model amounts to before its weights are moved: files, disk, whether the engine computes it, and what training takes.</summary>
internal sealed class ModelPlanner(HubConnections hubs, ModelStore models, DataDirectory data)
{
    private const int LargestConfig = 4 * 1024 * 1024;

    /// <summary>What a download would bring.</summary>
    /// <exception cref="PeftException">The hub refuses, or the repository holds no weights.</exception>
    public async Task<ModelPlan> HubAsync(HubOrder order, CancellationToken cancel)
    {
        var (client, model) = Model(order);
        var listing = await client.ListAsync(model, cancel);
        var choices = HubFileChoice.Weights(listing.Files);
        var files = HubFileChoice.Files(listing.Files, order.Weights);
        var chosen = choices.FirstOrDefault(choice => choice.Name == order.Weights) ?? choices[0];
        var plan = new ModelPlan
        {
            Source = listing.Id,
            Name = ModelNames.Suggest(ModelPlaces.IsGguf(chosen.Name) ? Path.GetFileNameWithoutExtension(chosen.Name) : model.ShortName, models.IsTaken),
            Endpoint = client.Endpoint.ToString(),
            Revision = listing.Revision,
            Gated = listing.Gated,
            Files = [.. files.Select(file => new ModelFile(file.Path, file.Size))],
            Choices = [.. choices.Select(choice => new WeightsChoice(choice.Name, choice.Bytes))],
            Weights = chosen.Name,
            Bytes = files.Sum(file => file.Size),
            FreeBytes = Free(),
        };
        if (ModelPlaces.IsGguf(chosen.Name))
            return await GgufHead.WithConfigAsync(plan, client, listing, chosen.Files[0], data, cancel);
        var config = files.Any(file => file.Path == "config.json") ? await client.ReadAsync(listing, "config.json", LargestConfig, cancel) : null;
        return WithConfig(plan, config is null ? null : Encoding.UTF8.GetString(config), $"config.json of {listing.Id}");
    }

    /// <summary>What is to be registered where it lies.</summary>
    /// <exception cref="PeftException">There is no model, or it cannot be read.</exception>
    public ModelPlan Local(LocalModel order)
    {
        var (given, path) = LocalPlaces.Find(order.Path, data);
        var facts = ModelInspector.Inspect(path);
        var files = ModelPlaces.IsGguf(path) ? [new FileInfo(path)] : new DirectoryInfo(path).GetFiles();
        return new ModelPlan
        {
            Source = given,
            Name = ModelNames.Suggest(ModelPlaces.IsGguf(given) ? Path.GetFileNameWithoutExtension(given) : Path.GetFileName(given), models.IsTaken),
            Files = [.. files.OrderBy(file => file.Name, StringComparer.Ordinal).Select(file => new ModelFile(file.Name, ModelPlaces.Size(file)))],
            Bytes = files.Sum(ModelPlaces.Size),
            FreeBytes = Free(),
            ModelType = facts.Architecture,
            Needs = facts.Read is { } config ? BaseNeeds.Of(config) : null,
            Problem = facts.Problem ?? ModelInspector.TokenizerProblem(path),
            Notes = facts.Notes,
        };
    }

    /// <summary>What a browser is about to send.</summary>
    /// <exception cref="PeftException">A name is refused, or the files make no model.</exception>
    public ModelPlan Upload(UploadOrder order)
    {
        HubFile[] all = [.. (order.Files ?? []).Select(file => new HubFile(file.Path, file.Size))];
        var choices = HubFileChoice.Weights(all);
        var chosen = choices.FirstOrDefault(choice => choice.Name == order.Weights) ?? (choices.Count > 0 ? choices[0] : null);
        // Of a folder as it came from a hub only what makes the model is sent; of any other folder everything.
        ModelFile[] files = [.. (chosen is null ? all : HubFileChoice.Files(all, chosen.Name)).Select(file => new ModelFile(file.Path, file.Size))];
        UploadRules.Check(files);
        var plan = new ModelPlan
        {
            Source = order.Name,
            Name = ModelNames.Suggest(order.Name, models.IsTaken),
            Files = files,
            Choices = [.. choices.Select(choice => new WeightsChoice(choice.Name, choice.Bytes))],
            Weights = chosen?.Name,
            Bytes = files.Sum(file => file.Size),
            FreeBytes = Free(),
        };
        return WithConfig(plan, order.ConfigJson, $"config.json of {order.Name}");
    }

    /// <summary>Hub and model of an order; an address of a page names its hub itself.</summary>
    public (HubClient Client, HubModelName Model) Model(HubOrder order)
    {
        var model = HubModelName.Parse(order.Id, order.Revision);
        return (hubs.Of(model.Endpoint?.ToString() ?? order.Endpoint), model);
    }

    /// <exception cref="PeftException">The disk has no room for so much more.</exception>
    public void CheckDisk(long bytes)
    {
        // What the workbench itself needs while it works: logs, events, checkpoints.
        const long spare = 256L * 1024 * 1024;
        if (Free() is var free && bytes + spare > free)
            throw new HubException(HubFailure.Disk, $"The disk has no room: {bytes:N0} bytes are still to come, {free:N0} are free. Free some space, then try again.");
    }

    private long Free() => new DriveInfo(data.Models).AvailableFreeSpace;

    private static ModelPlan WithConfig(ModelPlan plan, string? text, string source)
    {
        var notes = new List<string>();
        // A GGUF file carries its tokenizer.
        if (!plan.Files.Any(file => file.Path == "tokenizer.json") && !ModelPlaces.IsGguf(plan.Weights ?? ""))
            notes.Add("There is no tokenizer.json among the files; without one the model can be looked at, but not trained.");
        if (text is null)
        {
            notes.Add("There is no config.json beside the weights, so what training takes can be said only when they are here.");
            return plan with { Notes = notes };
        }

        try
        {
            var json = JsonNode.Parse(text) as JsonObject ?? throw new PeftException($"{source}: is no JSON object.");
            plan = plan with { ModelType = json["model_type"]?.ToString() ?? "" };
            var config = ModelConfig.Read(ConfigReader.From(source, json));
            return plan with { Needs = BaseNeeds.Of(config), Notes = notes };
        }
        catch (JsonException error)
        {
            return plan with { Problem = $"{source}: is no valid JSON: {error.Message}", Notes = notes };
        }
        catch (PeftException refused)
        {
            return plan with { Problem = refused.Message, Notes = notes };
        }
    }
}
