using Google.Protobuf;

namespace Peft.Core.Tokenization.Files;

/// <summary>A piece of a SentencePiece vocabulary.</summary>
/// <param name="Text">Its text; blanks are written as U+2581.</param>
/// <param name="Score">Log-probability (Unigram) or minus its rank (BPE).</param>
/// <param name="Type">1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.</param>
internal readonly record struct SentencePiece(string Text, float Score, int Type)
{
    public const int Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6;
}

/// <summary>
/// What stands in a SentencePiece <c>.model</c> file (protocol buffers). Source: sentencepiece_model.proto of https://github.com/google/sentencepiece
/// </summary>
internal sealed class SentencePieceFile
{
    private SentencePieceFile(string path) => Path = path;

    public string Path { get; }

    public IReadOnlyList<SentencePiece> Pieces { get; private set; } = [];

    /// <summary>Whether it is byte-pair encoding; otherwise a Unigram model.</summary>
    public bool IsBytePair { get; private set; }

    public bool ByteFallback { get; private set; }

    public int UnknownId { get; private set; }

    /// <summary>The table of replacements; empty for none.</summary>
    public byte[] CharacterMap { get; private set; } = [];

    public bool AddsPrefix { get; private set; } = true;

    public bool RemovesExtraSpaces { get; private set; } = true;

    /// <summary>Reads a file.</summary>
    /// <exception cref="PeftException">It is no such file, or of a kind (words, characters) that models do not use.</exception>
    public static SentencePieceFile Read(string path)
    {
        var file = new SentencePieceFile(path);
        var pieces = new List<SentencePiece>();
        try
        {
            using var input = new CodedInputStream(File.ReadAllBytes(path));
            Fields(input, (field, stream) =>
            {
                switch (field)
                {
                    case 1:
                        pieces.Add(Piece(stream.ReadBytes()));
                        break;
                    case 2:
                        file.Trainer(stream.ReadBytes());
                        break;
                    case 3:
                        file.Normalizer(stream.ReadBytes());
                        break;
                    default:
                        return false;
                }

                return true;
            });
        }
        catch (InvalidProtocolBufferException error)
        {
            throw new PeftException($"{path}: is no SentencePiece model: {error.Message}", error);
        }

        if (pieces.Count == 0)
            throw new PeftException($"{path}: is no SentencePiece model: it has no pieces.");
        file.Pieces = pieces;
        return file;
    }

    private static SentencePiece Piece(ByteString bytes)
    {
        var piece = new SentencePiece("", 0, SentencePiece.Normal);
        using var input = bytes.CreateCodedInput();
        Fields(input, (field, stream) =>
        {
            switch (field)
            {
                case 1:
                    piece = piece with { Text = stream.ReadString() };
                    break;
                case 2:
                    piece = piece with { Score = stream.ReadFloat() };
                    break;
                case 3:
                    piece = piece with { Type = stream.ReadEnum() };
                    break;
                default:
                    return false;
            }

            return true;
        });
        return piece;
    }

    private void Trainer(ByteString bytes)
    {
        using var input = bytes.CreateCodedInput();
        Fields(input, (field, stream) =>
        {
            switch (field)
            {
                case 3:
                    var kind = stream.ReadEnum();
                    IsBytePair = kind == 2;
                    if (kind is not (1 or 2))
                        throw new PeftException($"{Path}: a SentencePiece model of kind {kind} (words or characters) is not supported; Unigram and BPE are.");
                    break;
                case 35:
                    ByteFallback = stream.ReadBool();
                    break;
                case 40:
                    UnknownId = stream.ReadInt32();
                    break;
                default:
                    return false;
            }

            return true;
        });
    }

    private void Normalizer(ByteString bytes)
    {
        using var input = bytes.CreateCodedInput();
        Fields(input, (field, stream) =>
        {
            switch (field)
            {
                case 2:
                    CharacterMap = stream.ReadBytes().ToByteArray();
                    break;
                case 3:
                    AddsPrefix = stream.ReadBool();
                    break;
                case 4:
                    RemovesExtraSpaces = stream.ReadBool();
                    break;
                default:
                    return false;
            }

            return true;
        });
    }

    /// <summary>Hands every field to a reader; what it does not know is skipped.</summary>
    private static void Fields(CodedInputStream input, Func<int, CodedInputStream, bool> read)
    {
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            if (!read(WireFormat.GetTagFieldNumber(tag), input))
                input.SkipLastField();
        }
    }
}
