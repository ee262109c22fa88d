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
/// A base model that stays in memory while adapters come and go. An adapter of another task, or with other labels, needs another head, so the
/// base is mapped again for it. Used by one thread at a time: it owns the tensors.
/// </summary>
internal sealed class ResidentModel : IDisposable
{
    private readonly string _folder;
    private readonly ModelLoadOptions _options;
    private readonly PretrainedTokenizer _tokenizer;
    private BaseModel? _model;
    private string? _head;
    private IAnswerer? _answerer;
    private PeftAdapter? _adapter;
    private (string Folder, DateTime Written)? _loaded;

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
        _adapter?.Dispose();
        _model?.Dispose();
    }

    /// <summary>Swaps the adapter when another one is asked for, or when the folder was written anew.</summary>
    private void Use(string? folder)
    {
        if (folder is null)
        {
            Prepare(TaskChoice.OfBase(_folder));
            if (_adapter is not null)
                _adapter.Enabled = false;
            return;
        }

        var key = (Path.GetFullPath(folder), File.GetLastWriteTimeUtc(Path.Combine(folder, PeftConfig.FileName)));
        Prepare(TaskChoice.OfAdapter(folder));
        if (_loaded != key)
        {
            _adapter?.Dispose();
            (_adapter, _loaded) = (null, null);
            _adapter = PeftMethods.Load(_model!, folder);
            _loaded = key;
        }

        _adapter!.Enabled = true;
    }

    /// <summary>Loads the base for a task and labels, unless it already is.</summary>
    private void Prepare(TaskChoice choice)
    {
        var head = string.Join('\n', [choice.Task.Name(), choice.Labels?.ProblemType ?? "", choice.Labels?.MayLackAnswer == true ? "optional" : "", .. choice.Labels?.Names ?? []]);
        if (_head == head)
            return;
        _adapter?.Dispose();
        _model?.Dispose();
        (_adapter, _loaded, _model, _head) = (null, null, null, null);
        var config = ModelConfig.Load(_folder, choice.Task);
        var arguments = new TrainingArguments { CutPolicy = CutPolicy.KeepOutput };
        var task = TrainingTasks.Create(choice.Task, new TaskSetting(_tokenizer, config, arguments, choice.Labels));
        _model = BaseModel.Load(_folder, task.Options(_options));
        _answerer = task.Writes ? new WritingAnswerer(task) : new HeadAnswerer(task);
        _head = head;
    }
}
