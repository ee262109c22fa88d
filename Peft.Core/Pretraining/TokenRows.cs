using Peft.Core.Tokenization;

namespace Peft.Core.Pretraining;

/// <summary>Documents as rows of token ids that fit into the model.</summary>
internal static class TokenRows
{
    /// <summary>
    /// Cuts documents that are longer than the room into pieces of equal length. Packing puts short ones behind one another, an end token
    /// between, until a row is full; otherwise a row holds one document or piece.
    /// </summary>
    /// <param name="documents">Texts.</param>
    /// <param name="tokenizer">Gives the ids.</param>
    /// <param name="room">Tokens of a row at most.</param>
    /// <param name="pack">Whether to pack.</param>
    public static IReadOnlyList<int[]> Of(IReadOnlyList<string> documents, PretrainedTokenizer tokenizer, int room, bool pack)
    {
        var rows = new List<int[]>(documents.Count);
        var open = new List<int>();
        foreach (var document in documents)
        {
            var ids = tokenizer.Encode(document);
            if (ids.Length == 0)
                continue;
            var pieces = (ids.Length + room - 1) / room;
            foreach (var piece in ids.Chunk((ids.Length + pieces - 1) / pieces))
            {
                if (!pack)
                {
                    rows.Add(piece);
                    continue;
                }

                if (open.Count > 0 && open.Count + 1 + piece.Length > room)
                {
                    rows.Add([.. open]);
                    open.Clear();
                }

                if (open.Count > 0 && tokenizer.EosId is { } end)
                    open.Add(end);
                open.AddRange(piece);
            }
        }

        if (open.Count > 0)
            rows.Add([.. open]);
        return rows;
    }
}
