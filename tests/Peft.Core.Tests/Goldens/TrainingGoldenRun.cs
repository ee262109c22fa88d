using System.Text.Json.Nodes;
using Peft.Core.Evaluation;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Training;
using Peft.Core.Training.Optimizers;
using TorchSharp;

namespace Peft.Core.Tests.Goldens;

/// <summary>One recorded run of Hugging Face's Trainer being repeated by the engine's own loop.</summary>
internal sealed class TrainingGoldenRun : IDisposable
{
    /// <summary>By which recorded tolerances exceed the noise that was seen.</summary>
    private const double NoiseFactor = 20;

    private const double MostNoise = 0.02;

    private readonly GoldenCase golden;
    private readonly GoldenReport report;
    private readonly BaseModel model;
    private readonly PeftAdapter adapter;
    private readonly RecordedSplit train;
    private readonly RecordedSplit? dev;
    private readonly TrainingArguments arguments;
    private readonly TrainingLoop loop;
    private readonly JsonObject[] logs;

    public TrainingGoldenRun(GoldenCase golden, GoldenReport report)
    {
        this.golden = golden;
        this.report = report;
        arguments = Arguments();
        var architecture = golden.Text("architecture");
        var task = architecture.EndsWith("ForSequenceClassification", StringComparison.Ordinal) ? ModelTask.SeqCls
            : architecture.EndsWith("ForConditionalGeneration", StringComparison.Ordinal) ? ModelTask.Seq2SeqLm
            : ModelTask.CausalLm;
        model = BaseModel.Load(golden.Base, new ModelLoadOptions { Dtype = "float32", Task = task });
        torch.manual_seed(arguments.Seed);
        if (golden.Json["peft"] is null)
        {
            adapter = PeftMethods.Create(model, PeftConfig.FromJson(new JsonObject { ["peft_type"] = "FULL", ["task_type"] = task.Name() }));
        }
        else
        {
            adapter = PeftMethods.Create(model, PeftConfig.FromJson(JsonNode.Parse(File.ReadAllText(Path.Combine(golden.Folder, "initial", "adapter_config.json")))!.AsObject()));
            adapter.LoadState(Tensors("initial/adapter_model.safetensors"));
        }

        train = new RecordedSplit(Path.Combine(golden.Folder, "dataset.jsonl"));
        var held = Path.Combine(golden.Folder, "eval.jsonl");
        dev = File.Exists(held) ? new RecordedSplit(held) : null;
        loop = new TrainingLoop(model, adapter, train, arguments);
        logs = [.. TrainingGoldens.Rows(golden, "logs.jsonl")];
        report.Check(loop.TotalSteps == (int)golden.Number("total_steps"), $"{loop.TotalSteps} steps in all");
    }

    /// <summary>Which parameters decay.</summary>
    public void CheckGroups()
    {
        var decays = WeightDecayGroups.Of(model.Norms.Select(norm => norm.Path));
        foreach (var (group, wanted) in new[] { ("decay", true), ("no_decay", false) })
        {
            foreach (var name in golden.Json["parameter_groups"]![group]!.AsArray().Select(n => n!.GetValue<string>()))
                report.Check(decays(name) == wanted, $"{name} is not in {group}");
        }
    }

    /// <summary>The whole run, every step compared.</summary>
    public void Train()
    {
        var window = new LossWindow(arguments);
        var sum = 0.0;
        foreach (var row in TrainingGoldens.Rows(golden, "steps.jsonl"))
        {
            var step = (int)row["step"]!;
            var made = Step(step, row);
            sum += made.Loss;
            var logged = window.Add(step, made.Loss, isLast: false);
            report.Check(row.ContainsKey("logged_loss") == logged is not null, $"step {step} is {(logged is null ? "not " : "")}logged");
            // It was rounded to four digits.
            if (row["logged_loss"] is { } recorded && logged is { } mean)
                report.Close((double)recorded, mean, golden.Tolerance("loss") + 5e-5, $"logged loss of step {step}");
            Evaluate(step);
        }

        report.Check(loop.Step == (int)golden.Number("steps_done"), $"{loop.Step} steps made");
        if (logs.FirstOrDefault(log => log.ContainsKey("train_loss")) is { } end)
            report.Close((double)end["train_loss"]!, sum / loop.Step, golden.Tolerance("loss"), "train_loss");
    }

    /// <summary>Goes on from the reference's checkpoint.</summary>
    public void GoOn()
    {
        var after = (int)golden.Json["resume"]!["after_step"]!;
        adapter.LoadState(Tensors("checkpoint/adapter_model.safetensors"));
        using (var saved = golden.Tensors("checkpoint/optimizer.safetensors"))
        {
            var names = saved.Names.ToDictionary(InMemory, name => name, StringComparer.Ordinal);
            loop.Optimizer.LoadState(name => names.TryGetValue(name, out var found) ? saved[found] : null, after);
        }

        loop.Step = after;
        foreach (var row in TrainingGoldens.Rows(golden, "steps.jsonl").Where(row => (int)row["step"]! > after))
            Step((int)row["step"]!, row);
    }

    /// <summary>The trained tensors now, copied.</summary>
    public Dictionary<string, torch.Tensor> Trained() => adapter.State().ToDictionary(p => p.Key, p => p.Value.detach().clone());

    /// <summary>Moves every trained value by a unit in the last place or so, and trains without comparing.</summary>
    public void TrainPerturbed(int seed)
    {
        torch.manual_seed(seed);
        using (torch.no_grad())
        {
            foreach (var (_, tensor) in adapter.Trainable)
                tensor.mul_(1 + (torch.randn_like(tensor) * 1e-7));
        }

        while (loop.Step < loop.TotalSteps)
        {
            var step = loop.TrainStep().Step;
            if (logs.Any(log => log.ContainsKey("eval_loss") && (int)log["global_step"]! == step))
                loop.Rates.Evaluated(LossEvaluator.LossByRows(model, dev!, arguments.PerDeviceEvalBatchSize, arguments.LabelSmoothingFactor));
        }
    }

    /// <summary>
    /// Compares the final weights. Gradients that vanish in exact arithmetic (key biases under softmax) are rounding noise, and Adam turns noise
    /// into steps of the size of the rate: such elements are known by moving, too, when nothing but the last place of the start is moved.
    /// The recorded cases of the methods mark them in the same way; these do not.
    /// </summary>
    /// <param name="perturbed">What several <see cref="TrainPerturbed"/> ended with.</param>
    public void CheckFinal(IReadOnlyList<Dictionary<string, torch.Tensor>> perturbed)
    {
        var tolerance = golden.Tolerance("final");
        var state = adapter.State();
        var noise = state.ToDictionary(p => p.Key, p => perturbed
            .Select(run => (p.Value.detach() - run[p.Key]).abs().mul(NoiseFactor).gt(tolerance))
            .Aggregate((one, other) => one.logical_or(other)));
        var (marked, all) = (noise.Values.Sum(mask => mask.sum().item<long>()), state.Values.Sum(tensor => tensor.numel()));
        report.Check(marked <= MostNoise * all, $"{marked} of {all} final values are noise");
        string[] files = ["final/adapter_model.safetensors", "final.safetensors"];
        if (files.FirstOrDefault(file => File.Exists(Path.Combine(golden.Folder, file))) is { } file)
        {
            foreach (var (name, expected) in Tensors(file))
            {
                report.Check(state.ContainsKey(name), $"{name} does not train");
                if (state.TryGetValue(name, out var tensor))
                    report.Close(expected, tensor, tolerance, "final " + name, except: noise.GetValueOrDefault(name));
            }
        }

        foreach (var (name, recorded) in golden.Json["final_norms"]!.AsObject())
        {
            if (!state.TryGetValue(InMemory(name), out var tensor))
            {
                report.Check(false, $"{name} does not train");
                continue;
            }

            using var values = tensor.detach().to(torch.ScalarType.Float64);
            report.Close((double)recorded![0]!, values.norm().item<double>(), tolerance * Math.Sqrt(values.numel()), "final norm of " + name);
            report.Close((double)recorded[1]!, values.sum().item<double>(), tolerance * values.numel(), "final sum of " + name);
        }
    }

    public void Dispose()
    {
        loop.Dispose();
        adapter.Dispose();
        model.Dispose();
    }

    private StepReport Step(int step, JsonObject row)
    {
        report.Check(loop.Step == step - 1, $"step {loop.Step + 1} stands where step {step} was recorded");
        var batches = loop.Batches(step - 1);
        var recorded = row["batches"]!.AsArray().Select(batch => batch!.AsArray().Select(i => (int)i!).ToArray()).ToArray();
        report.Check(
            batches.Count == recorded.Length && batches.Zip(recorded).All(pair => pair.First.SequenceEqual(pair.Second)),
            $"step {step} takes {string.Join(" | ", batches.Select(batch => string.Join(",", batch)))}");
        if (golden.Flag("model_accepts_loss_kwargs"))
        {
            var items = batches.Sum(batch =>
            {
                using var made = train.Collate(model, batch);
                return made.Items;
            });
            report.Check(items.Equals((double)row["num_items_in_batch"]!), $"step {step} has {items} labels");
        }

        var made = loop.TrainStep();
        report.Close((double)row["loss"]!, made.Loss, golden.Tolerance("loss"), $"loss of step {step}");
        if (row["learning_rate"] is { } rate)
            report.Close((double)rate, made.LearningRate, golden.Tolerance("learning_rate"), $"learning rate of step {step}");
        if (row["grad_norm"] is { } norm)
            report.Close((double)norm, made.GradNorm, golden.Tolerance("grad_norm"), $"gradient norm of step {step}");
        if (row["epoch"] is { } epoch)
            report.Close((double)epoch, made.Epoch, 1e-9, $"epoch of step {step}");
        return made;
    }

    private void Evaluate(int step)
    {
        if (logs.FirstOrDefault(log => log.ContainsKey("eval_loss") && (int)log["global_step"]! == step) is not { } log)
            return;
        var loss = LossEvaluator.LossByRows(model, dev!, arguments.PerDeviceEvalBatchSize, arguments.LabelSmoothingFactor);
        report.Close((double)log["eval_loss"]!, loss, golden.Tolerance("eval_loss"), $"dev loss behind step {step}");
        loop.Rates.Evaluated(loss);
    }

    /// <summary>The recorded arguments over the defaults of transformers, where those differ from the engine's.</summary>
    private TrainingArguments Arguments()
    {
        var json = new JsonObject
        {
            ["per_device_eval_batch_size"] = 8,
            ["logging_steps"] = 500,
            ["logging_first_step"] = false,
            ["train_sampling_strategy"] = golden.Text("order") == "sequential" ? "sequential" : "random",
            ["eval_loss_weighting"] = "rows",
        };
        foreach (var (name, value) in golden.Json["arguments"]!.AsObject())
            json[name] = value?.DeepClone();
        var read = TrainingArguments.FromJson(json, out var problems);
        foreach (var problem in problems)
            report.Check(false, $"{problem.Field} {problem.Message}");
        foreach (var problem in TrainingArgumentsValidator.Validate(read).Problems.Where(p => p.Field != "eval_steps"))
            report.Check(false, $"{problem.Field} {problem.Message}");
        return read;
    }

    private Dictionary<string, torch.Tensor> Tensors(string file)
    {
        using var tensors = golden.Tensors(file);
        return tensors.Names.ToDictionary(InMemory, name => tensors[name]);
    }

    /// <summary>Names without the adapter's own name, as the engine has them in memory.</summary>
    private static string InMemory(string name) => name.Replace(".default", "", StringComparison.Ordinal).Replace(".modules_to_save", "", StringComparison.Ordinal);
}
