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
        var text = new System.Text.StringBuilder();
        var count = 0;
        void Take(string piece)
        {
            if (piece.Length == 0)
                return;
            text.Append(piece);
            onText(piece);
        }

        Generator.Generate(
            _model,
            ids,
            null,
            Options(request, ends),
            step =>
            {
                var id = (int)step[0];
                if (id < 0)
                    return;
                count++;
                if (!ends.Contains(id))
                    Take(decoder.Add(id));
            },
            cancellation);
        Take(decoder.Finish());
        return new ServeReply(request.Id, "done", text.ToString(), count, watch.Elapsed.TotalSeconds);
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

    private static GenerationOptions Options(ServeRequest request, IReadOnlyList<int> ends) => new()
    {
        MaxNewTokens = request.MaxNewTokens,
        DoSample = request.DoSample,
        Temperature = request.Temperature,
        TopP = request.TopP,
        Seed = request.Seed,
        EosTokenIds = ends,
    };
}
