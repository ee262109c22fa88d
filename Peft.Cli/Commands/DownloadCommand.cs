using System.CommandLine;
using System.Globalization;
using Peft.Core;
using Peft.Core.Hub;
using Peft.Core.Models;

namespace Peft.Cli.Commands;

/// <summary><c>peft download</c>: brings a model from a hub into a folder; the same command again goes on with it.</summary>
internal static class DownloadCommand
{
    private const string TokenVariable = "HF_TOKEN";
    private const int FilesAtOnce = 4;

    public static Command Create()
    {
        var id = new Argument<string>("model") { Description = "owner/name, or the address of the model's page." };
        var output = new Option<string>("--output") { Description = "Folder that the files go into; it becomes the base model's folder.", Required = true };
        var source = new Option<string>("--source")
        {
            Description = "Hub to download from; modelscope+https://… for ModelScope's API on another host.", DefaultValueFactory = _ => HubEndpoint.HuggingFace.ToString(),
        };
        var revision = new Option<string?>("--revision") { Description = "Branch, tag or commit." };
        var weights = new Option<string?>("--weights") { Description = "safetensors, bin, or the name of a GGUF file; the best when left out." };
        var list = new Option<bool>("--list") { Description = "Say what would be downloaded, and stop." };
        var command = new Command("download", $"Download a model from a hub. A token for gated models is read from {TokenVariable}, so that it stands in no list of processes.") { id, output, source, revision, weights, list };
        command.SetAction((parsed, cancel) => RunAsync(
            HubModelName.Parse(parsed.GetValue(id)!, parsed.GetValue(revision)), parsed.GetValue(source)!, parsed.GetValue(output)!, parsed.GetValue(weights), parsed.GetValue(list), cancel));
        return command;
    }

    private static async Task<int> RunAsync(HubModelName model, string source, string output, string? weights, bool listOnly, CancellationToken cancel)
    {
        using var client = new HubClient(model.Endpoint ?? HubEndpoint.Parse(source), () => Environment.GetEnvironmentVariable(TokenVariable));
        var listing = await client.ListAsync(model, cancel);
        var files = HubFileChoice.Files(listing.Files, weights);
        Console.WriteLine($"{listing.Id} at {listing.Revision}, {client.Endpoint}");
        foreach (var offer in HubFileChoice.Weights(listing.Files))
            Console.WriteLine($"  weights: {offer.Name}, {Number(offer.Bytes)} bytes");
        foreach (var file in files)
            Console.WriteLine($"  {file.Path}, {Number(file.Size)} bytes");
        if (listOnly)
            return CommandLine.Success;
        Directory.CreateDirectory(output);
        var download = new HubDownload(client, listing, files, output);
        if (new DriveInfo(Path.GetFullPath(output)).AvailableFreeSpace is var free && download.TotalBytes - download.DoneBytes > free)
            throw new PeftException($"The disk has no room: {Number(download.TotalBytes - download.DoneBytes)} bytes are still to come, {Number(free)} are free. Free some space, then try again.");
        var work = download.RunAsync(FilesAtOnce, cancel);
        while (await Task.WhenAny(work, Task.Delay(TimeSpan.FromSeconds(2), CancellationToken.None)) != work)
            Console.WriteLine($"{Number(download.DoneBytes)} of {Number(download.TotalBytes)} bytes");
        await work;
        Console.WriteLine($"{output}: complete, every file checked.");
        return files.Any(file => file.Path == "config.json") && LoadProblem(output) is { } problem
            ? throw new PeftException($"Everything is here, but the engine cannot use it: {problem}")
            : CommandLine.Success;
    }

    private static string? LoadProblem(string folder)
    {
        try
        {
            ModelConfig.Load(folder).CheckWeights(folder);
            return null;
        }
        catch (PeftException refused)
        {
            return refused.Message;
        }
    }

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
