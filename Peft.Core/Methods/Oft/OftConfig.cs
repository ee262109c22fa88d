using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.Oft;

/// <summary>
/// Settings of OFT: the inputs of a layer are turned by a block-diagonal rotation before the frozen weight sees them, so that angles between
/// neurons stay. https://arxiv.org/abs/2306.07280. Field names and defaults are PEFT's.
/// </summary>
public sealed record OftConfig : TunerConfig
{
    /// <inheritdoc />
    public override string PeftType => "OFT";

    /// <summary>Number of blocks; 0 lets the block size decide. Default 0.</summary>
    public int R { get; init; }

    /// <summary>Inputs that are turned together; 0 lets the number of blocks decide. Default 32.</summary>
    public int OftBlockSize { get; init; } = 32;

    /// <summary>Whether all blocks of a layer turn alike. Default false.</summary>
    public bool BlockShare { get; init; }

    /// <summary>Whether the rotation is computed by a short series instead of an inverse. Default true.</summary>
    public bool UseCayleyNeumann { get; init; } = true;

    /// <summary>Terms of that series. Default 5.</summary>
    public int NumCayleyNeumannTerms { get; init; } = 5;

    /// <summary>Whether it starts as a no-op; false starts turned at random. Default true.</summary>
    public bool InitWeights { get; init; } = true;

    /// <summary>Bound of the constrained variant, which this engine does not compute; kept so that files keep their field.</summary>
    public double Eps { get; init; } = 6e-5;

    /// <summary>Whether adapted weights lie as [in, out]; the base decides, and what is saved says so.</summary>
    public bool FanInFanOut { get; init; }

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static OftConfig Read(JsonObject json)
    {
        var reader = new PeftJson(json);
        var r = reader.Whole("r") ?? 0;
        var bias = reader.Text("bias") ?? "none";
        string[] unsupported =
        [
            .. reader.Flag("coft") == true ? ["coft"] : Array.Empty<string>(),
            .. reader.Number("module_dropout") is > 0 ? ["module_dropout"] : Array.Empty<string>(),
            .. bias == "none" ? Array.Empty<string>() : [$"bias={bias}"],
        ];
        return WithModules(
            new OftConfig
            {
                R = r,
                OftBlockSize = reader.Whole("oft_block_size") ?? (r > 0 ? 0 : 32),
                BlockShare = reader.Flag("block_share") ?? false,
                UseCayleyNeumann = reader.Flag("use_cayley_neumann") ?? true,
                NumCayleyNeumannTerms = reader.Whole("num_cayley_neumann_terms") ?? 5,
                InitWeights = reader.Flag("init_weights") ?? true,
                Eps = reader.Number("eps") ?? 6e-5,
                FanInFanOut = reader.Flag("fan_in_fan_out") ?? false,
            },
            reader,
            unsupported);
    }

    /// <summary>Number and size of the blocks of a layer: sizes that do not divide are moved to the nearest that does, as in PEFT.</summary>
    public (int Blocks, int Size) BlocksOf(LinearShape layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        if (OftBlockSize > 0)
        {
            var size = NearestDivisor(layer.InFeatures, OftBlockSize);
            return (layer.InFeatures / size, size);
        }

        var blocks = NearestDivisor(layer.InFeatures, R);
        return (blocks, layer.InFeatures / blocks);
    }

    /// <inheritdoc />
    public override IReadOnlyList<(string Suffix, long[] Shape)> ShapesAt(LinearShape layer)
    {
        var (blocks, size) = BlocksOf(layer);
        return [("oft_R.weight", [BlockShare ? 1 : blocks, size * (size - 1) / 2])];
    }

    /// <inheritdoc />
    protected override void CheckNumbers(PeftValidation result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (R < 0 || OftBlockSize < 0 || (R > 0) == (OftBlockSize > 0))
            result.Error("oft_block_size", $"give either oft_block_size or r, and 0 for the other; they are {OftBlockSize} and {R}.");
        if (UseCayleyNeumann && NumCayleyNeumannTerms < 2)
            result.Error("num_cayley_neumann_terms", $"must be at least 2, but is {NumCayleyNeumannTerms}.");
    }

    /// <inheritdoc />
    protected override void CheckLayer(LinearShape layer, PeftValidation result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var (blocks, size) = BlocksOf(layer);
        if (size < 2)
            result.Error("oft_block_size", $"{layer.Path} would be cut into blocks of {size}, which cannot turn; choose larger blocks.");
        else if (OftBlockSize > 0 ? size != OftBlockSize : blocks != R)
            result.Warn("oft_block_size", $"{layer.Path} has {layer.InFeatures} inputs; it is cut into {blocks} blocks of {size}.");
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        WriteModules(fields);
        fields["r"] = R;
        fields["oft_block_size"] = OftBlockSize;
        fields["block_share"] = BlockShare;
        fields["use_cayley_neumann"] = UseCayleyNeumann;
        fields["num_cayley_neumann_terms"] = NumCayleyNeumannTerms;
        fields["init_weights"] = InitWeights;
        fields["fan_in_fan_out"] = FanInFanOut;
        fields["bias"] = "none";
        fields["coft"] = false;
        fields["eps"] = Eps;
        fields["module_dropout"] = 0.0;
    }

    private static int NearestDivisor(int size, int wish)
    {
        if (wish >= size)
            return size;
        var (above, below) = (wish, wish);
        while (size % above != 0)
            above++;
        while (below > 1 && size % below != 0)
            below--;
        return wish - below <= above - wish ? below : above;
    }
}
