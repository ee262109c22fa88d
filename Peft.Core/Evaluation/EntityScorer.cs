namespace Peft.Core.Evaluation;

/// <summary>A named entity in a tagged sentence.</summary>
/// <param name="Type">Its type, such as PER.</param>
/// <param name="First">Index of its first token.</param>
/// <param name="Last">Index of its last token.</param>
public readonly record struct TaggedEntity(string Type, int First, int Last);

/// <summary>Scores of one entity type.</summary>
/// <param name="Type">The type.</param>
/// <param name="Scores">Its scores.</param>
/// <param name="Support">How many entities of it are wanted.</param>
public sealed record EntityTypeScore(string Type, PrecisionRecall Scores, int Support);

/// <summary>Scores of a tagging task.</summary>
/// <param name="Micro">Over all entities.</param>
/// <param name="Macro">Plain mean over types; null when there are no entities.</param>
/// <param name="Weighted">Mean over types weighted by support; null when no entity is wanted.</param>
/// <param name="Types">Scores per type, by name; the types are those wanted or predicted at least once.</param>
/// <param name="TokenAccuracy">Share of the tokens with the right tag, 0–1; null without tokens.</param>
public sealed record EntityReport(PrecisionRecall Micro, PrecisionRecall Macro, PrecisionRecall Weighted, IReadOnlyList<EntityTypeScore> Types, double? TokenAccuracy);

/// <summary>
/// Scores IOB tags by whole entities, as seqeval does: an entity counts when type, first and last token are right. An undefined ratio is null.
/// </summary>
public static class EntityScorer
{
    /// <summary>Scores tagged sentences.</summary>
    /// <param name="wanted">Tags wanted, per sentence: O, B-type, I-type (also E-type and S-type when not strict).</param>
    /// <param name="predicted">Tags predicted, of the same lengths.</param>
    /// <param name="strict">See <see cref="Entities"/>.</param>
    /// <exception cref="ArgumentException">Sentences of different length.</exception>
    public static EntityReport Score(IReadOnlyList<IReadOnlyList<string>> wanted, IReadOnlyList<IReadOnlyList<string>> predicted, bool strict = false)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(predicted);
        if (!wanted.Select(tags => tags.Count).SequenceEqual(predicted.Select(tags => tags.Count)))
            throw new ArgumentException("Wanted and predicted sentences have different lengths; every token needs one tag of each.", nameof(predicted));
        var gold = InSentences(wanted, strict);
        var found = InSentences(predicted, strict);
        var types = gold.Concat(found).Select(entity => entity.Entity.Type).Distinct().Order(StringComparer.Ordinal).Select(type =>
        {
            var (of, given) = (gold.Where(entity => entity.Entity.Type == type).ToHashSet(), found.Where(entity => entity.Entity.Type == type).ToArray());
            return new EntityTypeScore(type, PrecisionRecall.Of(given.Count(of.Contains), given.Length, of.Count), of.Count);
        }).ToArray();
        var scores = types.Select(type => type.Scores).ToArray();
        var tokens = wanted.Sum(tags => tags.Count);
        var right = wanted.Zip(predicted, (want, given) => want.Zip(given, (a, b) => a == b ? 1 : 0).Sum()).Sum();
        return new EntityReport(
            PrecisionRecall.Of(found.Count(gold.Contains), found.Count, gold.Count),
            PrecisionRecall.Mean(scores),
            PrecisionRecall.Mean(scores, [.. types.Select(type => (double)type.Support)]),
            types,
            tokens == 0 ? null : (double)right / tokens);
    }

    /// <summary>The entities of a tagged sentence.</summary>
    /// <param name="tags">One tag per token.</param>
    /// <param name="strict">True: only B-type opens an entity (IOB2). False: an I-type without one opens it too, as conlleval has it.</param>
    public static IReadOnlyList<TaggedEntity> Entities(IReadOnlyList<string> tags, bool strict = false)
    {
        ArgumentNullException.ThrowIfNull(tags);
        var entities = new List<TaggedEntity>();
        var open = -1;
        var (before, typeBefore) = ('O', "");
        for (var i = 0; i <= tags.Count; i++)
        {
            var (prefix, type) = i < tags.Count ? Split(tags[i]) : ('O', "");
            var goesOn = before is 'B' or 'I' && prefix is 'I' or 'E' && type == typeBefore;
            if (open >= 0 && !goesOn)
            {
                entities.Add(new TaggedEntity(typeBefore, open, i - 1));
                open = -1;
            }

            if (open < 0 && (strict ? prefix == 'B' : prefix != 'O'))
                open = i;
            (before, typeBefore) = (prefix, type);
        }

        return entities;
    }

    private static HashSet<(int Sentence, TaggedEntity Entity)> InSentences(IReadOnlyList<IReadOnlyList<string>> sentences, bool strict) =>
        [.. sentences.SelectMany((tags, sentence) => Entities(tags, strict).Select(entity => (sentence, entity)))];

    private static (char Prefix, string Type) Split(string tag)
    {
        var dash = tag.IndexOf('-', StringComparison.Ordinal);
        var prefix = tag.Length == 0 ? 'O' : tag[0];
        return prefix == 'O' ? ('O', "") : (prefix, dash < 0 ? "_" : tag[(dash + 1)..]);
    }
}
