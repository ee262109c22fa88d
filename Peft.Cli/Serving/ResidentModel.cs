using System.Diagnostics;
using Peft.Core.Generation;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Tokenization;
using TorchSharp;

namespace Peft.Cli.Serving;

/// <summary>
/// A base model that stays in memory while adapters come and go. Used by one thread at a time: it owns the tensors.
/// </summary>
internal sealed class ResidentModel : IDisposable
{
    private readonly CausalLanguageModel _model;
    private readonly PretrainedTokenizer _tokenizer;
    private readonly PromptTemplate _template;
    private PeftAdapter? _adapter;
    private (string Folder, DateTime Written)? _loaded;

    public ResidentModel(string folder, string dtype, string device)
    {
        _tokenizer = PretrainedTokenizer.Load(folder);
        _template = PromptTemplate.Of(_tokenizer);
        _model = CausalLanguageModel.Load(folder, new ModelLoadOptions { Dtype = dtype, Device = device });
    }

    /// <summary>Answers one question and hands every completed piece of text on.</summary>
    public ServeReply Answer(ServeRequest request, Action<string> onText, CancellationToken cancellation)
    {
        Use(request.Adapter);
        var watch = Stopwatch.StartNew();
        var prompt = _tokenizer.Encode(_template.Prompt(request.Instruction ?? "", request.Input ?? ""));
        using var ids = torch.tensor(prompt.Select(id => (long)id).ToArray()).unsqueeze(0).to(_model.Device); // [1, T]
        var ends = EndIds();
        var decoder = new StreamingDecoder(_tokenizer);
        var filter = new StopFilter(request.StopStrings);
        var text = new System.Text.StringBuilder();
        void Take(string piece)
        {
            if (piece.Length == 0)
                return;
            text.Append(piece);
            onText(piece);
        }

        var options = request.Options(ends, word => _tokenizer.Encode(word));
        var result = Generator.Search(
            _model,
            ids,
            null,
            options,
            step =>
            {
                if ((int)step[0] is >= 0 and var id && !ends.Contains(id))
                    Take(filter.Add(decoder.Add(id)));
            },
            request.StopStrings.Count > 0 ? new StopStrings(_tokenizer, request.StopStrings) : null,
            cancellation);
        var written = result.Sequences[0];

        // A beam search knows only now what it has written.
        if (options.NumBeams > 1)
            Take(filter.Add(string.Concat(written.Where(id => !ends.Contains((int)id)).Select(id => decoder.Add((int)id)))));
        Take(filter.Add(decoder.Finish()) + filter.Finish());
        return new ServeReply(request.Id, "done", text.ToString(), written.Length, watch.Elapsed.TotalSeconds);
    }

    public void Dispose()
    {
        _adapter?.Dispose();
        _model.Dispose();
    }

    /// <summary>Swaps the adapter when another one is asked for, or when the folder was written anew.</summary>
    private void Use(string? folder)
    {
        if (folder is null)
        {
            if (_adapter is not null)
                _adapter.Enabled = false;
            return;
        }

        var key = (Path.GetFullPath(folder), File.GetLastWriteTimeUtc(Path.Combine(folder, PeftConfig.FileName)));
        if (_loaded != key)
        {
            _adapter?.Dispose();
            (_adapter, _loaded) = (null, null);
            _adapter = PeftMethods.Load(_model, folder);
            _loaded = key;
        }

        _adapter!.Enabled = true;
    }

    private List<int> EndIds() => [.. _model.Config.EosTokenIds.Concat(_tokenizer.EosId is { } eos ? [eos] : []).Distinct()];
}
