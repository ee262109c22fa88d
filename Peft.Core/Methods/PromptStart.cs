using Peft.Core.Models;
using Peft.Core.Tokenization;
using static TorchSharp.torch;

namespace Peft.Core.Methods;

/// <summary>How vectors in front of the text start, for methods whose table trains itself.</summary>
internal static class PromptStart
{
    /// <summary>A table [rows, C] on the CPU. PEFT draws a fresh embedding first, whatever replaces it.</summary>
    /// <param name="model">The base.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="start"><c>SAMPLE_VOCAB</c>, <c>TEXT</c>, or anything else for normal numbers.</param>
    /// <param name="text">The text of TEXT; repeated or cut to the rows.</param>
    /// <exception cref="PeftException">The tokenizer makes nothing of the text, or the base has none.</exception>
    public static Tensor Draw(BaseModel model, int rows, string start, string? text)
    {
        var table = Initialization.Normal(rows, SoftPromptConfig.Width(model.Config));
        switch (start)
        {
            case "SAMPLE_VOCAB":
                using (var ids = randint(0, model.Embedding.Weight.shape[0], [rows], ScalarType.Int64))
                    Take(table, model, ids);
                break;
            case "TEXT":
                var words = PretrainedTokenizer.Load(model.Folder).Encode(text!, addSpecialTokens: true);
                if (words.Length == 0)
                    throw new PeftException($"prompt_tuning_init_text: the tokenizer of this base makes no token of '{text}'.");
                using (var ids = tensor(Enumerable.Range(0, rows).Select(i => (long)words[i % words.Length]).ToArray()))
                    Take(table, model, ids);
                break;
            default:
                break;
        }

        return table;
    }

    private static void Take(Tensor table, BaseModel model, Tensor ids)
    {
        using var scope = NewDisposeScope();
        table.copy_(model.Embedding.Weight.index_select(0, ids.to(model.Device)));
    }
}
