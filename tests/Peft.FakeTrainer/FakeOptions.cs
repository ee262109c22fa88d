using System.Text.Json;
using Peft.Core;
using Peft.Core.Runs;

namespace Peft.FakeTrainer;

/// <summary>How the fake trainer behaves; read from <c>training</c> of run.json (fields that start with <c>fake_</c>), so that a test orders it like any run.</summary>
internal sealed record FakeOptions
{
    /// <summary>Optimizer steps to make.</summary>
    public int MaxSteps { get; init; } = 100;

    /// <summary>Milliseconds a step takes.</summary>
    public int FakeStepMs { get; init; } = 5;

    /// <summary>Steps between checkpoints.</summary>
    public int SaveSteps { get; init; } = 20;

    /// <summary>Steps between evaluations; 0 = none.</summary>
    public int EvalSteps { get; init; } = 10;

    /// <summary>End like a crash (no word, exit code 134) after this step of the first attempt; 0 = never.</summary>
    public int FakeCrashStep { get; init; }

    /// <summary>End with a reported failure after this step of the first attempt; 0 = never.</summary>
    public int FakeFailStep { get; init; }

    /// <summary>Write half a line and end like a crash after this step of the first attempt; 0 = never.</summary>
    public int FakeTornStep { get; init; }

    /// <summary>Bytes of ballast in a checkpoint, to fill a small disk.</summary>
    public int FakeCheckpointBytes { get; init; }

    public static FakeOptions Of(RunRequest request) =>
        JsonSerializer.Deserialize<FakeOptions>(request.Training, RunRequest.Json) ?? throw new PeftException("training: null where settings are expected.");
}
