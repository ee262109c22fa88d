using Peft.Core;
using Peft.Core.Hub;
using Peft.Core.Models;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Planning;

namespace Workbench.Server.Models.Adding;

/// <summary>
/// What a GGUF file on a hub is, from its first megabytes: they hold shape and vocabulary. They are read as a file of the full length with nothing
/// behind them, which takes no room on the disk.
/// </summary>
internal static class GgufHead
{
    private const long First = 2L * 1024 * 1024;
    private const long Most = 64L * 1024 * 1024;

    public static async Task<ModelPlan> WithConfigAsync(ModelPlan plan, HubClient client, HubListing listing, HubFile file, DataDirectory data, CancellationToken cancel)
    {
        var aside = Path.Combine(data.IncomingModels, $"head-{Ulid.NewUlid()}.gguf");
        try
        {
            var config = await ReadAsync(aside, client, listing, file, cancel);
            return plan with { ModelType = config.ModelType, Needs = BaseNeeds.Of(config) };
        }
        catch (PeftException refused) when (refused is not HubException)
        {
            return plan with { Problem = refused.Message.Replace(aside, file.Path, StringComparison.Ordinal) };
        }
        catch (IOException full)
        {
            return plan with { Problem = $"{file.Path} cannot be read: {full.Message}" };
        }
        finally
        {
            File.Delete(aside);
        }
    }

    private static async Task<ModelConfig> ReadAsync(string aside, HubClient client, HubListing listing, HubFile file, CancellationToken cancel)
    {
        using var content = await client.OpenAsync(listing, file.Path, 0, cancel);
        await using var stream = new FileStream(aside, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        stream.SetLength(file.Size);
        var buffer = new byte[256 * 1024];
        var ended = file.Size == 0;
        for (var wanted = First; ; wanted *= 4)
        {
            while (stream.Position < wanted && !ended)
            {
                var read = await client.ReadAsync(content.Content, buffer.AsMemory(0, (int)Math.Min(buffer.Length, file.Size - stream.Position)), cancel);
                await stream.WriteAsync(buffer.AsMemory(0, read), cancel);
                ended = read == 0 || stream.Position >= file.Size;
            }

            await stream.FlushAsync(cancel);
            try
            {
                return ModelConfig.Load(aside);
            }
            catch (PeftException) when (!ended && stream.Position < Most)
            {
                // A vocabulary may be longer than this; more of the file says whether it is that.
                continue;
            }
        }
    }
}
