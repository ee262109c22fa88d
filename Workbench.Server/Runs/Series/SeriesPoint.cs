using System.Text.Json;
using Workbench.Client.Contracts;

namespace Workbench.Server.Runs.Series;

internal enum PointKind
{
    /// <summary>Nothing that a chart shows.</summary>
    Other,
    Step,
    Eval,
    Resumed,
}

/// <summary>
/// The numbers of one event, read straight from its JSON: charts need eight numbers of a million events, not a million objects.
/// </summary>
internal struct SeriesPoint
{
    public PointKind Kind;
    public int Step;
    public int FromStep;
    public double Tokens;
    public double Seconds;
    public float Loss;
    public float LearningRate;
    public float GradNorm;
    public float TokensPerSecond;
    public float Rss;

    /// <summary>The task's score of an evaluation; not a number where only the loss was measured.</summary>
    public float Score;

    public static SeriesPoint Read(ReadOnlySpan<byte> line)
    {
        var point = new SeriesPoint { Loss = float.NaN, LearningRate = float.NaN, GradNorm = float.NaN, TokensPerSecond = float.NaN, Rss = float.NaN, Score = float.NaN };
        var json = new Utf8JsonReader(line);
        json.Read();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("kind"u8))
            {
                json.Read();
                point.Kind = json.ValueTextEquals("step"u8) ? PointKind.Step
                    : json.ValueTextEquals("eval"u8) ? PointKind.Eval
                    : json.ValueTextEquals("resumed"u8) ? PointKind.Resumed
                    : PointKind.Other;
                // The kind is written first, so the long events (samples, metrics) cost nothing.
                if (point.Kind == PointKind.Other)
                    return point;
            }
            else
            {
                point.ReadField(ref json);
            }
        }

        return point;
    }

    private void ReadField(ref Utf8JsonReader json)
    {
        if (json.ValueTextEquals("step"u8))
            Step = (int)Number(ref json);
        else if (json.ValueTextEquals("loss"u8))
            Loss = (float)Number(ref json);
        else if (json.ValueTextEquals("learning_rate"u8))
            LearningRate = (float)Number(ref json);
        else if (json.ValueTextEquals("grad_norm"u8))
            GradNorm = (float)Number(ref json);
        else if (json.ValueTextEquals("tokens"u8))
            Tokens = Number(ref json);
        else if (json.ValueTextEquals("tokens_per_second"u8))
            TokensPerSecond = (float)Number(ref json);
        else if (json.ValueTextEquals("seconds"u8))
            Seconds = Kind == PointKind.Eval ? Skip(ref json, Seconds) : Number(ref json);
        else if (json.ValueTextEquals("train_seconds"u8))
            Seconds = Number(ref json);
        else if (json.ValueTextEquals("rss"u8))
            Rss = (float)Number(ref json);
        else if (json.ValueTextEquals("metrics"u8))
            Score = ReadScore(ref json);
        else if (json.ValueTextEquals("from_step"u8))
            FromStep = (int)Number(ref json);
        else
            Skip(ref json, 0);
    }

    /// <summary>The score that runs are compared by: the first of these names that has a value.</summary>
    private static float ReadScore(ref Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType != JsonTokenType.StartObject)
            return float.NaN;
        var (found, rank) = (float.NaN, int.MaxValue);
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var place = Array.IndexOf(ScoreNames.InOrder, json.GetString());
            json.Read();
            if (json.TokenType == JsonTokenType.Number && place >= 0 && place < rank)
                (found, rank) = ((float)json.GetDouble(), place);
            else
                json.Skip();
        }

        return found;
    }

    /// <summary>A number; the named ones (NaN, Infinity) are written as strings.</summary>
    private static double Number(ref Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.Number)
            return json.GetDouble();
        return json.TokenType != JsonTokenType.String || json.ValueTextEquals("NaN"u8) ? double.NaN
            : json.ValueTextEquals("Infinity"u8) ? double.PositiveInfinity
            : double.NegativeInfinity;
    }

    private static double Skip(ref Utf8JsonReader json, double keep)
    {
        json.Skip();
        return keep;
    }
}
