using Peft.Core;
using Peft.Core.Pretraining;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;

namespace Workbench.Server.Pretraining;

/// <summary>Texts sent from a browser: each a file under <c>corpora/</c>, there completely or not at all.</summary>
internal sealed class CorpusUploads(DataDirectory data)
{
    public const long Largest = 200L * 1024 * 1024;

    /// <summary>Keeps a corpus; another one of the same name and other content gets a number.</summary>
    /// <exception cref="PeftException">The name is none, or no document can be read from it.</exception>
    public async Task<CorpusFile> PutAsync(string name, string textField, Stream content, CancellationToken cancel)
    {
        var plain = Path.GetFileName(name.Trim());
        if (plain.Length is 0 or > 120 || plain[0] == '.' || plain.Any(c => char.IsControl(c) || Path.GetInvalidFileNameChars().Contains(c)))
            throw new PeftException($"'{plain}' cannot be the name of a corpus. Rename the file.");
        var arriving = Path.Combine(data.Trash, $"corpus-{Ulid.NewUlid()}");
        try
        {
            await using (var file = File.Create(arriving))
                await content.CopyToAsync(file, cancel);
            _ = Corpus.Read(arriving, textField, heldOut: 0);
            var target = Path.Combine(data.Corpora, plain);
            for (var i = 2; File.Exists(target); i++)
                target = Path.Combine(data.Corpora, $"{Path.GetFileNameWithoutExtension(plain)}-{i}{Path.GetExtension(plain)}");
            File.Move(arriving, target);
            return new CorpusFile(Path.GetRelativePath(data.Root, target).Replace('\\', '/'), new FileInfo(target).Length);
        }
        catch (PeftException refusal)
        {
            throw new PeftException(refusal.Message.Replace(arriving, plain, StringComparison.Ordinal), refusal);
        }
        finally
        {
            File.Delete(arriving);
        }
    }
}
