using System.Diagnostics;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Models;

/// <summary><c>peft download</c> as a process, against a hub of the tests' own.</summary>
public sealed class DownloadCommandTests : IDisposable
{
    private readonly FakeHub _hub = FakeHub.Of(Path.Combine(Repository.Root, "samples", "models", "mini-llama-zh"));
    private readonly string _folder = Directory.CreateTempSubdirectory("workbench-download-").FullName;

    public void Dispose()
    {
        _hub.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Download_OfAGatedModel_TakesTheTokenFromTheEnvironment()
    {
        _hub.Token = "hf_secret";
        var (refused, said) = await PeftAsync(token: null);
        Assert.Equal(1, refused);
        Assert.Contains("asks for an access token", said, StringComparison.Ordinal);

        var (code, output) = await PeftAsync(_hub.Token);

        Assert.True(code == 0, output);
        Assert.Contains("complete, every file checked", output, StringComparison.Ordinal);
        Assert.DoesNotContain(_hub.Token, output, StringComparison.Ordinal);
        Assert.Equal(_hub.Files["model.safetensors"], await File.ReadAllBytesAsync(Path.Combine(_folder, "model.safetensors")));
        Assert.False(File.Exists(Path.Combine(_folder, "modeling_odd.py")));
    }

    private async Task<(int Code, string Output)> PeftAsync(string? token)
    {
        var build = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        var program = Path.Combine(Repository.Root, "Peft.Cli", "bin", Path.GetFileName(Path.GetDirectoryName(build))!, Path.GetFileName(build), "peft.dll");
        var start = new ProcessStartInfo("dotnet", [program, "download", FakeHub.Id, "--source", _hub.Address, "--output", _folder]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment.Remove("HF_TOKEN");
        if (token is not null)
            start.Environment["HF_TOKEN"] = token;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await errors);
    }
}
