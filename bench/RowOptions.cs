using System.CommandLine;
using Peft.Core;

namespace Peft.Bench;

/// <summary>One measurement: a base, a method, a shape of batches.</summary>
internal sealed record RowOptions
{
    public static readonly string[] KnownMethods = ["lora", "prefix", "bitfit", "full"];

    public string Model { get; init; } = "";

    public string Method { get; init; } = "lora";

    public string Dtype { get; init; } = "fp32";

    public int Batch { get; init; } = 8;

    public int Seq { get; init; } = 256;

    public int Warmup { get; init; } = 3;

    public int Steps { get; init; } = 10;

    public int Threads { get; init; }

    public double LearningRate { get; init; } = 1e-3;

    public bool GradientCheckpointing { get; init; }

    public string Device { get; init; } = "cpu";

    public string? Data { get; init; }

    public string? Out { get; init; }

    public string DtypeName => Dtype switch
    {
        "fp32" or "float32" => "float32",
        "bf16" or "bfloat16" => "bfloat16",
        _ => throw new PeftException($"--dtype {Dtype}: use fp32 or bf16."),
    };

    /// <summary>The arguments again, for a process of its own.</summary>
    public IEnumerable<string> Arguments()
    {
        string Text(IFormattable value) => value.ToString(null, System.Globalization.CultureInfo.InvariantCulture);
        string[] all =
        [
            "row", "--model", Model, "--method", Method, "--dtype", Dtype, "--batch", Text(Batch), "--seq", Text(Seq), "--warmup", Text(Warmup), "--steps", Text(Steps),
            "--threads", Text(Threads), "--lr", Text(LearningRate), "--device", Device,
        ];
        IEnumerable<string> more = GradientCheckpointing ? ["--gradient_checkpointing"] : [];
        if (Data is not null)
            more = more.Concat(["--data", Data]);
        if (Out is not null)
            more = more.Concat(["--out", Out]);
        return all.Concat(more);
    }

    /// <summary>The command <c>row</c>.</summary>
    public static Command Command(Action<RowOptions> run)
    {
        var standard = new RowOptions();
        var model = new Option<string>("--model") { Description = "Hugging Face folder of the base.", Required = true };
        var method = new Option<string>("--method") { Description = "lora (r 8 on the architecture's usual modules), prefix (20 virtual tokens), bitfit or full.", DefaultValueFactory = _ => standard.Method };
        method.AcceptOnlyFromAmong(KnownMethods);
        var dtype = new Option<string>("--dtype") { Description = "fp32 or bf16: type of the frozen weights.", DefaultValueFactory = _ => standard.Dtype };
        var batch = new Option<int>("--batch") { Description = "Rows of a batch.", DefaultValueFactory = _ => standard.Batch };
        var seq = new Option<int>("--seq") { Description = "Tokens of a row; rows of --data are cut to it.", DefaultValueFactory = _ => standard.Seq };
        var warmup = new Option<int>("--warmup") { Description = "Steps in front that are not timed.", DefaultValueFactory = _ => standard.Warmup };
        var steps = new Option<int>("--steps") { Description = "Steps that are timed.", DefaultValueFactory = _ => standard.Steps };
        var threads = new Option<int>("--threads") { Description = "Threads that compute; 0 means all cores.", DefaultValueFactory = _ => standard.Threads };
        var rate = new Option<double>("--lr") { Description = "Learning rate of AdamW.", DefaultValueFactory = _ => standard.LearningRate };
        var again = new Option<bool>("--gradient_checkpointing") { Description = "Compute layers again for the gradient." };
        var device = new Option<string>("--device") { Description = "cpu, cuda or cuda:N.", DefaultValueFactory = _ => standard.Device };
        var data = new Option<string?>("--data") { Description = "JSONL rows with input_ids and labels; left out: random ids." };
        var output = new Option<string?>("--out") { Description = "JSON file for the result; left out: standard output." };
        var command = new Command("row", "Times one configuration and writes what it took as JSON.") { model, method, dtype, batch, seq, warmup, steps, threads, rate, again, device, data, output };
        command.SetAction(parsed => run(new RowOptions
        {
            Model = parsed.GetValue(model)!, Method = parsed.GetValue(method)!, Dtype = parsed.GetValue(dtype)!, Batch = parsed.GetValue(batch), Seq = parsed.GetValue(seq),
            Warmup = parsed.GetValue(warmup), Steps = parsed.GetValue(steps), Threads = parsed.GetValue(threads), LearningRate = parsed.GetValue(rate),
            GradientCheckpointing = parsed.GetValue(again), Device = parsed.GetValue(device)!, Data = parsed.GetValue(data), Out = parsed.GetValue(output),
        }));
        return command;
    }
}
