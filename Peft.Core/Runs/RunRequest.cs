using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Peft.Core.Quantization;

namespace Peft.Core.Runs;

/// <summary>
/// The complete order for one training run, written once as <c>run.json</c> before the trainer starts and never changed afterwards.
/// Paths are relative to the data directory (or absolute when the command line made the run).
/// </summary>
public sealed record RunRequest
{
    /// <summary>Layout version of this file. Readers refuse a higher one.</summary>
    public int SchemaVersion { get; init; } = 1;

    /// <summary>The run's ULID; also the name of its directory.</summary>
    public required string Id { get; init; }

    /// <summary>What the run is for.</summary>
    public RunKind Kind { get; init; }

    /// <summary>For <see cref="RunKind.Pretrain"/>: which base is made, and how.</summary>
    public PretrainingOrder? Pretraining { get; init; }

    /// <summary>Display name at the time of the order; the server may rename a run later without touching this file.</summary>
    public string Name { get; init; } = "";

    /// <summary>Folder of the base model (Hugging Face layout).</summary>
    public required string BaseModel { get; init; }

    /// <summary>What is written into the adapter as <c>base_model_name_or_path</c>.</summary>
    public string BaseModelName { get; init; } = "";

    /// <summary>Dtype of the frozen weights: <c>auto</c> (bfloat16 where the CPU computes it fast), <c>float32</c> or <c>bfloat16</c>.</summary>
    public string Dtype { get; init; } = "auto";

    /// <summary>How the frozen base is kept in 4 bits, with the names of Hugging Face's <c>BitsAndBytesConfig</c>; absent for a base as it is.</summary>
    public QuantizationConfig? Quantization { get; init; }

    /// <summary><c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Threads the trainer computes with; 0 means all cores.</summary>
    public int Threads { get; init; }

    /// <summary>The adapter's config with Hugging Face field names; <c>peft_type</c> chooses the method.</summary>
    public required JsonObject Peft { get; init; }

    /// <summary>What the model is to do, by PEFT's names: <c>CAUSAL_LM</c>, <c>SEQ_2_SEQ_LM</c>, <c>SEQ_CLS</c>, <c>TOKEN_CLS</c>, <c>QUESTION_ANS</c>.</summary>
    public string TaskType { get; init; } = "CAUSAL_LM";

    /// <summary>Folder of the immutable dataset snapshot (train/dev/test.jsonl and manifest.json).</summary>
    public required string Dataset { get; init; }

    /// <summary>Weight of <see cref="Dataset"/> beside those of <see cref="Mix"/>.</summary>
    public double DatasetWeight { get; init; } = 1;

    /// <summary>Other datasets whose training records are mixed in by weight; dev and test stay those of <see cref="Dataset"/>.</summary>
    public IReadOnlyList<RunDataset>? Mix { get; init; }

    /// <summary>Training arguments with Hugging Face field names (see <c>Peft.Core.Training.TrainingArguments</c>).</summary>
    public JsonObject Training { get; init; } = [];

    /// <summary>How the result is evaluated by generation.</summary>
    public RunEvaluation Evaluation { get; init; } = new();

    /// <summary>When the order was given (UTC).</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Who gave it.</summary>
    public string CreatedBy { get; init; } = "local";

    /// <summary>The options every run file is read and written with: snake_case, nulls left out, unknown fields tolerated.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.General)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DictionaryKeyPolicy = null,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}

/// <summary>A dataset that is mixed in.</summary>
/// <param name="Dataset">Its folder or file, as <see cref="RunRequest.Dataset"/>.</param>
/// <param name="Weight">How often its records come up: twice the weight of another, twice as often.</param>
public sealed record RunDataset(string Dataset, double Weight = 1);

/// <summary>Evaluation by greedy generation after training (and for the zero-shot baseline, instead of training).</summary>
public sealed record RunEvaluation
{
    /// <summary>Split that is scored.</summary>
    public string Split { get; init; } = "test";

    /// <summary>At most so many records, the first ones of the split; null means all, 0 means no evaluation.</summary>
    public int? MaxRecords { get; init; }

    /// <summary>Tokens generated per record at most.</summary>
    public int MaxNewTokens { get; init; } = 100;

    /// <summary>Records decoded together.</summary>
    public int BatchSize { get; init; } = 32;
}
