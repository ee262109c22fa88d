using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.Boft;

/// <summary>
/// Settings of BOFT: as OFT turns the inputs of a layer block by block, and besides scales each output. https://arxiv.org/abs/2311.06243.
/// Field names and defaults are PEFT's. On a CPU the reference computes one butterfly factor whatever is asked for, and so does this engine.
/// </summary>
public sealed record BoftConfig : TunerConfig
{
    /// <inheritdoc />
    public override string PeftType => "BOFT";

    /// <summary>Inputs that are turned together; 0 lets the number of blocks decide. Default 4.</summary>
    public int BoftBlockSize { get; init; } = 4;

    /// <summary>Number of blocks; 0 lets the block size decide. Default 0.</summary>
    public int BoftBlockNum { get; init; }

    /// <summary>Butterfly factors asked for; recorded, and one is computed. Default 1.</summary>
    public int BoftNButterflyFactor { get; init; } = 1;

    /// <summary>Share of the blocks that do not turn in a training step. Default 0.</summary>
    public double BoftDropout { get; init; }

    /// <summary>Whether it starts as a no-op; false starts disturbed at random. Default true.</summary>
    public bool InitWeights { get; init; } = true;

    /// <summary>Whether adapted weights lie as [in, out]; the base decides, and what is saved says so.</summary>
    public bool FanInFanOut { get; init; }

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static BoftConfig Read(JsonObject json)
    {
        var reader = new PeftJson(json);
        var number = reader.Whole("boft_block_num") ?? 0;
        var bias = reader.Text("bias") ?? "none";
        string[] unsupported =
        [
            .. bias == "none" ? Array.Empty<string>() : [$"bias={bias}"],
        ];
        return WithModules(
            new BoftConfig
            {
                BoftBlockSize = reader.Whole("boft_block_size") ?? (number > 0 ? 0 : 4),
                BoftBlockNum = number,
                BoftNButterflyFactor = reader.Whole("boft_n_butterfly_factor") ?? 1,
                BoftDropout = reader.Number("boft_dropout") ?? 0,
                InitWeights = reader.Flag("init_weights") ?? true,
                FanInFanOut = reader.Flag("fan_in_fan_out") ?? false,
            },
            reader,
            unsupported);
    }

    /// <summary>Number and size of the blocks of a layer.</summary>
    public (int Blocks, int Size) BlocksOf(LinearShape layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        return BoftBlockSize > 0 ? (layer.InFeatures / BoftBlockSize, BoftBlockSize) : (BoftBlockNum, layer.InFeatures / BoftBlockNum);
    }

    /// <inheritdoc />
    public override IReadOnlyList<(string Suffix, long[] Shape)> ShapesAt(LinearShape layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        var (blocks, size) = BlocksOf(layer);
        return [("boft_R", [1, blocks, size, size]), ("boft_s", [layer.OutFeatures, 1])];
    }

    /// <inheritdoc />
    protected override void CheckNumbers(PeftValidation result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (BoftBlockSize < 0 || BoftBlockNum < 0 || (BoftBlockSize > 0) == (BoftBlockNum > 0))
            result.Error("boft_block_size", $"give either boft_block_size or boft_block_num, and 0 for the other; they are {BoftBlockSize} and {BoftBlockNum}.");
        CheckShare(result, "boft_dropout", BoftDropout);
        if (BoftNButterflyFactor < 1)
            result.Error("boft_n_butterfly_factor", $"must be at least 1, but is {BoftNButterflyFactor}.");
        else if (BoftNButterflyFactor > 1)
            result.Warn("boft_n_butterfly_factor", "one factor is computed, as PEFT does on a CPU.");
    }

    /// <inheritdoc />
    protected override void CheckLayer(LinearShape layer, PeftValidation result)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(result);
        var (field, value) = BoftBlockSize > 0 ? ("boft_block_size", BoftBlockSize) : ("boft_block_num", BoftBlockNum);
        if (layer.InFeatures % value != 0 || BlocksOf(layer).Size < 2)
            result.Error(field, $"{value} does not cut the {layer.InFeatures} inputs of {layer.Path} into equal blocks of 2 or more.");
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        WriteModules(fields);
        fields["boft_block_size"] = BoftBlockSize;
        fields["boft_block_num"] = BoftBlockNum;
        fields["boft_n_butterfly_factor"] = BoftNButterflyFactor;
        fields["boft_dropout"] = BoftDropout;
        fields["init_weights"] = InitWeights;
        fields["fan_in_fan_out"] = FanInFanOut;
        fields["bias"] = "none";
    }
}
