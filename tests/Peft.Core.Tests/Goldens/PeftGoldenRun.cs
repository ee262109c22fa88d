using System.Text.Json.Nodes;
using Peft.Core.Generation;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Models.Blocks;
using Peft.Core.Quantization;
using Peft.Core.Training;
using Peft.Core.Training.Optimizers;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace Peft.Core.Tests.Goldens;

/// <summary>One recorded training being replayed.</summary>
internal sealed class PeftGoldenRun : IDisposable
{
    private readonly GoldenCase golden;
    private readonly GoldenReport report;
    private readonly GoldenTensors io;
    private readonly BaseModel model;
    private readonly string folder = Directory.CreateTempSubdirectory("peft-golden-").FullName;
    private PeftAdapter adapter;
    private double lastPenalty;

    public PeftGoldenRun(GoldenCase golden, GoldenReport report)
    {
        this.golden = golden;
        this.report = report;
        io = golden.Tensors("io.safetensors");

        // In bfloat16 the tolerance asks for roundings in the same places as in the recorded run.
        var arithmetic = golden.Text("dtype") == "float32" ? Arithmetic.Fast : Arithmetic.Reference;
        model = BaseModel.Load(golden.Base, new ModelLoadOptions { Dtype = golden.Text("dtype"), Arithmetic = arithmetic, Task = ModelTasks.Parse(golden.Text("task_type")), Quantization = Quantization(golden) });
        torch.manual_seed((long)golden.Number("seed"));
        adapter = PeftMethods.Create(model, PeftGoldens.Config(golden));
        if (io.Find("rng/after_init") is { } recorded)
            report.Close(recorded, torch.rand(4), 0, "rng/after_init");
    }

    /// <summary>How the base of a case is kept in 4 bits; null when it is not.</summary>
    private static QuantizationConfig? Quantization(GoldenCase golden) => golden.Json["quant"] is not { } quant ? null : new QuantizationConfig
    {
        LoadIn4Bit = true,
        Bnb4BitQuantType = (string)quant["quant_type"]!,
        Bnb4BitUseDoubleQuant = (bool)quant["double_quant"]!,
        Bnb4BitComputeDtype = (string)quant["compute_dtype"]!,
        PrepareModelForKbitTraining = (bool?)quant["prepare_model_for_kbit_training"] ?? false,
    };

    public void CheckCounts()
    {
        var count = adapter.Count;
        report.Check(count.Trainable == (long)golden.Number("trainable"), $"trainable: {count.Trainable}");
        report.Check(count.All == (long)golden.Number("all"), $"all: {count.All}");
        report.Check(count.Line == golden.Text("printed"), $"printed: {count.Line}");
        var shapes = golden.Json["trainable_tensors"]!.AsObject()
            .ToDictionary(p => p.Key, p => string.Join(",", p.Value!.AsArray().Select(n => n!.GetValue<long>())));
        SameShapes("in memory", shapes, adapter.Trainable.ToDictionary(p => p.Name, p => string.Join(",", p.Tensor.shape)));
        SameShapes("from configs", shapes, adapter.Config.TrainableShapes(model.Config).ToDictionary(p => p.Name, p => string.Join(",", p.Shape)));
    }

    public void CheckInitialWeights()
    {
        if (Recorded("initial") is not { } state)
            return;
        foreach (var (name, tensor) in adapter.Trainable)
            report.Close(state[name], tensor, 0, "seeded " + name);
    }

    /// <summary>Training starts from the recorded weights, so that a deviation of the seeded ones is reported once and not everywhere.</summary>
    public void StartFromRecordedWeights()
    {
        if (Recorded("initial") is { } state)
            adapter.LoadState(state);
    }

    public void CheckOutputs(string stage, string? what = null)
    {
        using var gradOff = torch.no_grad();
        model.Training = false;
        what = what is null ? "" : what + " ";

        // Nothing reads the outputs at padding, and the engine skips the work of hiding pads from pads where every token sees those before it.
        var pads = model is CausalLanguageModel ? io.Find("eval/attention_mask")?.eq(0).unsqueeze(-1) : null;
        if (pads is not null && model.LeadingOutputs > 0)
            pads = torch.cat([torch.zeros([pads.shape[0], model.LeadingOutputs, 1], torch.ScalarType.Bool), pads], 1);

        // A merged adapter was recorded without the wrapper, which drops token types.
        TakeTasks("eval");
        var (outputs, loss) = TaskForward.Run(model, io, "eval", HasSegments || adapter.Merged);
        foreach (var (name, output) in outputs)
        {
            var key = $"{stage}/{name}";
            report.Close(io[key], output, golden.Tolerance(key), what + key, golden.MeanTolerance(key), output.dim() == 3 ? pads : null);
        }

        // A loaded adapter does not train and so has no term of its own; the one before it was saved was recorded, a merged one not.
        if (adapter.Penalty() is { } penalty)
            lastPenalty = penalty.item<float>();
        report.Close(io.Scalar(stage + "/loss"), loss.item<float>() + (adapter.Merged ? 0 : lastPenalty), golden.Tolerance(stage + "/loss"), what + stage + "/loss");
    }

    public void Train()
    {
        var settings = golden.Json["optimizer"]!;
        var scheduler = golden.Json["scheduler"]!;
        var schedule = LearningRateSchedule.Create(
            scheduler["name"]!.GetValue<string>(),
            settings["lr"]!.GetValue<double>(),
            scheduler["warmup_steps"]!.GetValue<int>(),
            scheduler["total_steps"]!.GetValue<int>());
        using var optimizer = new AdamW(adapter.Trainable, new AdamWOptions
        {
            Beta1 = settings["betas"]![0]!.GetValue<double>(),
            Beta2 = settings["betas"]![1]!.GetValue<double>(),
            Epsilon = settings["eps"]!.GetValue<double>(),
            WeightDecay = settings["weight_decay"]!.GetValue<double>(),
            Decays = _ => true,
        });
        var (losses, norms, rates) = (io.Numbers("losses"), io.Numbers("grad_norms"), io.Numbers("lrs"));
        model.Training = true;
        for (var step = 0; step < losses.Length; step++)
        {
            using var scope = torch.NewDisposeScope();
            if (golden.Json["step_seed"] is { } seed)
                torch.manual_seed(seed.GetValue<long>() + step);
            TakeTasks($"step{step}");
            var (_, loss) = TaskForward.Run(model, io, $"step{step}", HasSegments, outputs: false);
            if (adapter.Penalty() is { } penalty)
                loss = loss + penalty;
            report.Close(losses[step], loss.item<float>(), golden.Tolerance("losses"), $"loss of step {step}");
            loss.backward();
            CheckGradients(step == 0 ? "grad_first" : step == losses.Length - 1 ? "grad_last" : null);
            var norm = optimizer.GradientNorm();
            report.Close(norms[step], norm, golden.Tolerance("grad_norms"), $"gradient norm of step {step}");
            report.Close(rates[step], schedule.At(step), 1e-12, $"learning rate of step {step}");
            adapter.BeforeStep(AdamW.ClipFactor(norm, golden.Number("max_grad_norm")));
            optimizer.Step(schedule.At(step), AdamW.ClipFactor(norm, golden.Number("max_grad_norm")));
            adapter.AfterStep(step + (golden.Json["allocate_from"]?.GetValue<int>() ?? 0));
            CheckBudget(step);
            optimizer.ZeroGrad();
        }

        model.Training = false;
    }

    public void CheckFinalAdapter()
    {
        if (adapter.Ranks is not null)
            return; // what was recorded is what is written, without the pruned rows: compared with the saved folder

        var state = Recorded("final")!;
        foreach (var (name, tensor) in adapter.Trainable)
            report.Close(state[name], tensor, golden.Tolerance("final_adapter", name), "final " + name, except: io.Find("noise/" + name));
    }

    public void CheckGreedy()
    {
        var options = new GenerationOptions { MaxNewTokens = 8, PadsCountBehindPrefix = true };
        GreedyCheck.Run((CausalLanguageModel)model, io["greedy/input_ids"], io["greedy/attention_mask"], io["greedy/output_ids"], options, 0, report);
    }

    /// <summary>Saves, compares the files with the recorded ones, and goes on with the adapter loaded from them.</summary>
    public void CheckSavedFolder()
    {
        adapter.Save(folder, golden.Text("base"));
        var recorded = Path.Combine(golden.Folder, "final");
        foreach (var file in Directory.EnumerateFiles(recorded, "*.safetensors"))
            CheckFile(file, Path.Combine(folder, Path.GetFileName(file)));
        foreach (var file in Directory.EnumerateFiles(recorded, "*.json"))
            CheckJson(Path.GetFileName(file), PeftGoldens.WithPaths(ReadJson(file)), ReadJson(Path.Combine(folder, Path.GetFileName(file))));
        adapter.Dispose();
        adapter = PeftMethods.Load(model, folder);
        CheckOutputs("final", "loaded again:");
    }

    public void CheckMerged()
    {
        using var gradOff = torch.no_grad();
        Tensor Output() => TaskForward.Run(model, io, "eval", HasSegments).Outputs.Values.First();
        using var before = Output();
        adapter.Merge();
        CheckOutputs("merged");
        adapter.Unmerge();
        using var after = Output();
        report.Close(before, after, 0, "unmerged");
    }

    public void Dispose()
    {
        adapter.Dispose();
        model.Dispose();
        io.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>
    /// PEFT's wrappers do not hand token types on: for answers with any of its methods, for hidden states with those that put something in
    /// front of the text.
    /// </summary>
    private bool HasSegments => golden.Text("task_type") switch
    {
        "QUESTION_ANS" => golden.Text("peft_type") is "BITFIT" or "FULL" or "PROBE" or "HOULSBY" or "PFEIFFER" or "BOTTLENECK",
        "FEATURE_EXTRACTION" => golden.Text("peft_type") is not ("PREFIX_TUNING" or "PROMPT_TUNING" or "P_TUNING" or "MULTITASK_PROMPT_TUNING"),
        _ => true,
    };

    /// <summary>Tells a method that holds something per task which task each text of a batch is.</summary>
    private void TakeTasks(string batch)
    {
        if (adapter is IMultitaskAdapter tasks && io.Find(batch + "/task_ids") is { } ids)
            tasks.TaskIds = ids.data<long>().ToArray();
    }

    /// <summary>Which singular values live and which are zero behind a step, where that was recorded.</summary>
    private void CheckBudget(int step)
    {
        var file = Path.Combine(golden.Folder, "budget.json");
        if (!File.Exists(file))
            return;
        var recorded = JsonNode.Parse(File.ReadAllText(file))!.AsArray()[step]!;
        if (recorded["rank_pattern"] is JsonObject pattern)
        {
            foreach (var (name, kept) in pattern)
            {
                var rank = kept!.AsArray().Count(k => k!.GetValue<bool>());
                report.Check(adapter.Ranks![name[..^".lora_E".Length]] == rank, $"rank of {name} behind step {step} is {adapter.Ranks[name[..^".lora_E".Length]]} instead of {rank}");
            }
        }

        foreach (var (name, alive) in recorded["nonzero_E"]!.AsObject())
        {
            var values = adapter.State()["base_model.model." + name].ne(0).data<bool>().ToArray();
            report.Check(values.SequenceEqual(alive!.AsArray().Select(a => a!.GetValue<bool>())), $"{name} behind step {step}: other singular values are zero");
        }
    }

    private void CheckGradients(string? recorded)
    {
        if (recorded is null || !io.Names.Any(n => n.StartsWith(recorded + "/", StringComparison.Ordinal)))
            return;
        foreach (var (name, tensor) in adapter.Trainable)
        {
            if (io.Find($"{recorded}/{name}") is not { } expected)
                report.Check(false, $"{recorded}/{name} is not recorded");
            else if (tensor.grad is { } gradient)
                report.Close(expected, gradient, golden.Tolerance(recorded), $"{recorded}/{name}");
            else
                report.Check(false, $"{recorded}/{name}: no gradient");
        }
    }

    private void CheckFile(string recordedPath, string ourPath)
    {
        using var recorded = new GoldenTensors(recordedPath);
        using var ours = new GoldenTensors(ourPath);
        report.Check(recorded.Names.Order().SequenceEqual(ours.Names.Order()), $"{Path.GetFileName(ourPath)} holds {string.Join(' ', ours.Names)}");
        report.Check(
            ours.Metadata.TryGetValue("format", out var format) && format == "pt",
            $"{Path.GetFileName(ourPath)}: metadata lacks format pt");
        foreach (var name in recorded.Names.Intersect(ours.Names))
        {
            report.Check(recorded[name].dtype == ours[name].dtype, $"{name}: written as {ours[name].dtype} instead of {recorded[name].dtype}");
            report.Close(recorded[name], ours[name], golden.Tolerance("final_adapter", name), "written " + name);
        }
    }

    /// <summary>
    /// Every field that is written must be as recorded. A recorded field that is not written must be at its default: the writer keeps to
    /// the fields that every PEFT from 0.10 on can read.
    /// </summary>
    private void CheckJson(string file, JsonObject recorded, JsonObject ours)
    {
        string[] sets = ["target_modules", "exclude_modules", "modules_to_save"];
        foreach (var (field, value) in ours)
        {
            var (left, right) = (Text(recorded[field], sets.Contains(field)), Text(value, sets.Contains(field)));
            report.Check(recorded.ContainsKey(field) && left == right, $"{file}: {field} is {right} instead of {left}");
        }

        foreach (var (field, value) in recorded.Where(f => !ours.ContainsKey(f.Key)))
        {
            var isDefault = field is "peft_version" || (field == "qalora_group_size" && value!.GetValue<int>() == 16)
                || Text(value, false) is "null" or "false" or "";
            report.Check(isDefault, $"{file}: {field} is missing, recorded as {Text(value, false)}");
        }
    }

    private static string Text(JsonNode? node, bool asSet) => node is JsonObject map
        ? string.Join(";", map.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}={Text(p.Value, false)}"))
        : node is JsonArray list && asSet
        ? string.Join(",", list.Select(n => n!.GetValue<string>()).Distinct().Order(StringComparer.Ordinal))
        : node is JsonValue value && value.TryGetValue<double>(out var number) ? number.ToString("R", System.Globalization.CultureInfo.InvariantCulture)
        : node?.ToJsonString() ?? "null";

    private static JsonObject ReadJson(string path) => JsonNode.Parse(File.ReadAllText(path))!.AsObject();

    /// <summary>The trained tensors of a stage under their names in memory; null where the case does not hold them.</summary>
    private Dictionary<string, torch.Tensor>? Recorded(string stage)
    {
        if (File.Exists(Path.Combine(golden.Folder, stage, "adapter.safetensors")))
        {
            string[] parts = [.. new[] { "adapter", "model_head" }.Select(n => $"{stage}/{n}.safetensors").Where(f => File.Exists(Path.Combine(golden.Folder, f)))];
            return parts.SelectMany(part =>
            {
                using var tensors = golden.Tensors(part);
                return tensors.Names.Select(n => (Name: n, Tensor: tensors[n])).ToList();
            }).ToDictionary(p => p.Name, p => p.Tensor);
        }

        string[] candidates = [$"{stage}_state.safetensors", $"{stage}/adapter_model.safetensors", $"{stage}/trainable.safetensors", $"{stage}/model.safetensors"];
        var file = candidates.FirstOrDefault(f => File.Exists(Path.Combine(golden.Folder, f)));
        if (file is null)
            return null;
        using var tensors = golden.Tensors(file);
        return tensors.Names.ToDictionary(InMemory, n => tensors[n]);
    }

    private static string InMemory(string name) => name == "prompt_embeddings" ? "prompt_encoder.embedding.weight"
        : name.StartsWith("prefix_task_", StringComparison.Ordinal) ? "prompt_encoder." + name
        : name.EndsWith(".lora_magnitude_vector", StringComparison.Ordinal) ? name + ".weight"
        : name;

    private void SameShapes(string where, Dictionary<string, string> expected, Dictionary<string, string> actual)
    {
        foreach (var (name, shape) in expected)
            report.Check(actual.GetValueOrDefault(name) == shape, $"{name} {where} is [{actual.GetValueOrDefault(name) ?? "missing"}] instead of [{shape}]");
        foreach (var name in actual.Keys.Except(expected.Keys))
            report.Check(false, $"{name} {where} should not train");
    }
}
