using System.Diagnostics;
using Peft.Cli.Serving.Answering;
using Peft.Core.Data;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Tokenization;
using Peft.Core.Training;
using Peft.Core.Training.Tasks;

namespace Peft.Cli.Serving;

/// <summary>
/// A base model that stays in memory while adapters, several of them beside it, are switched by the question. An adapter of another task, or with other labels, needs another head, so the
/// base is mapped again for it. Used by one thread at a time: it owns the tensors.
/// </summary>
internal sealed class ResidentModel : IDisposable
{
    /// <summary>Adapters kept in memory beside the base; the one that was not used for longest makes room.</summary>
    private const int MostAdapters = 8;

    private readonly string _folder;
    private readonly ModelLoadOptions _options;
    private readonly PretrainedTokenizer _tokenizer;
    private BaseModel? _model;
    private string? _head;
    private IAnswerer? _answerer;
    private readonly List<Loaded> _adapters = [];

    public ResidentModel(string folder, string dtype, string device)
    {
        _folder = folder;
        _options = new ModelLoadOptions { Dtype = dtype, Device = device };
        _tokenizer = PretrainedTokenizer.Load(folder);

        // An encoder waits for its first adapter: it answers nothing without a head.
        if (ModelRegistry.Find(ConfigReader.Open(folder)).Tasks[0] is ModelTask.CausalLm or ModelTask.Seq2SeqLm)
            Prepare(TaskChoice.OfBase(folder));
    }

    /// <summary>Answers one question and hands every completed piece of text on.</summary>
    public ServeReply Answer(ServeRequest request, Action<string> onText, CancellationToken cancellation)
    {
        Use(request.Adapter);
        var watch = Stopwatch.StartNew();
        return _answerer!.Answer(_model!, request, onText, cancellation) with { Seconds = watch.Elapsed.TotalSeconds };
    }

    public void Dispose()
    {
        Unload();
        _model?.Dispose();
    }

    /// <summary>Turns on the adapter that is asked for and the others off; one that was not used before, or was written anew, is loaded.</summary>
    private void Use(string? folder)
    {
        if (folder is null)
        {
            Prepare(TaskChoice.OfBase(_folder));
            TurnOff();
            return;
        }

        var (path, written) = (Path.GetFullPath(folder), File.GetLastWriteTimeUtc(Path.Combine(folder, PeftConfig.FileName)));
        Prepare(TaskChoice.OfAdapter(folder));

        // One at a time sits in the model's slots, also while another one is loaded, which puts it there.
        TurnOff();
        if (_adapters.Find(known => known.Path == path) is { } stale && stale.Written != written)
        {
            stale.Adapter.Dispose();
            _adapters.Remove(stale);
        }

        var found = _adapters.Find(known => known.Path == path);
        if (found is null)
        {
            if (_adapters.Count == MostAdapters)
            {
                _adapters[0].Adapter.Dispose();
                _adapters.RemoveAt(0);
            }

            found = new Loaded(path, written, PeftMethods.Load(_model!, folder));
        }
        else
        {
            _adapters.Remove(found);
        }

        // The one used last stands last, so the first is the one to give up.
        _adapters.Add(found);
        found.Adapter.Enabled = true;
    }

    private void TurnOff()
    {
        foreach (var known in _adapters)
            known.Adapter.Enabled = false;
    }

    private void Unload()
    {
        foreach (var known in _adapters)
            known.Adapter.Dispose();
        _adapters.Clear();
    }

    /// <summary>Loads the base for a task and labels, unless it already is.</summary>
    private void Prepare(TaskChoice choice)
    {
        var head = string.Join('\n', [choice.Task.Name(), choice.Labels?.ProblemType ?? "", choice.Labels?.MayLackAnswer == true ? "optional" : "", .. choice.Labels?.Names ?? []]);
        if (_head == head)
            return;
        Unload();
        _model?.Dispose();
        (_model, _head) = (null, null);
        var config = ModelConfig.Load(_folder, choice.Task);
        var arguments = new TrainingArguments { CutPolicy = CutPolicy.KeepOutput };
        var task = TrainingTasks.Create(choice.Task, new TaskSetting(_tokenizer, config, arguments, choice.Labels));
        _model = BaseModel.Load(_folder, task.Options(_options));
        _answerer = task.Writes ? new WritingAnswerer(task) : new HeadAnswerer(task);
        _head = head;
    }

    private sealed record Loaded(string Path, DateTime Written, PeftAdapter Adapter);
}
