using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;
using Workbench.Client.Contracts;
using Xunit.Abstractions;

namespace Workbench.Server.Tests.Lifecycle;

public sealed partial class ServerHostTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Server_Idle_HasNoTensorLibraryInItsMemory()
    {
        await using var server = await ServerProcess.StartAsync();
        await server.Http.GetStringAsync(new Uri("/", UriKind.Relative));
        await server.Http.GetStringAsync(new Uri(Routes.Runs, UriKind.Relative));

        var map = await File.ReadAllTextAsync($"/proc/{server.Id}/maps");
        var resident = Resident().Match(await File.ReadAllTextAsync($"/proc/{server.Id}/status")).Groups[1].Value;

        output.WriteLine($"resident: {resident} kB");
        Assert.Contains("Workbench.Server.dll", map, StringComparison.Ordinal);
        // TorchSharp.dll, which is managed, may be mapped for its types; the native libraries may not.
        Assert.DoesNotContain("libtorch", map, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Port_InUse_IsOneLineThatNamesThePortAndAnother()
    {
        await using var server = await ServerProcess.StartAsync();
        var data = ServerProcess.NewDataDirectory();
        var start = new ProcessStartInfo("dotnet", [Programs.Server])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            Environment = { ["ASPNETCORE_URLS"] = server.Address.ToString(), ["Workbench__DataDirectory"] = data },
        };

        using var second = Process.Start(start)!;
        var errors = (await second.StandardError.ReadToEndAsync()).TrimEnd();
        await second.WaitForExitAsync();

        Assert.Equal(1, second.ExitCode);
        Assert.StartsWith($"Port {server.Address.Port} is already in use", errors, StringComparison.Ordinal);
        Assert.Contains("ASPNETCORE_URLS=", errors, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', errors);
        Assert.Empty(Directory.EnumerateFileSystemEntries(data));
        await ServerProcess.DeleteAsync(data);
    }

    [Theory]
    [InlineData("ConcurrentRuns", "0", "Workbench:ConcurrentRuns is 0")]
    [InlineData("Device", "gpu", "Workbench:Device is 'gpu'")]
    [InlineData("WorkerPath", "/nowhere/peft.dll", "Workbench:WorkerPath names '/nowhere/peft.dll'")]
    public async Task Setting_OutOfRange_IsNamedAndNothingStarts(string key, string value, string message)
    {
        var data = ServerProcess.NewDataDirectory();
        var start = new ProcessStartInfo("dotnet", [Programs.Server])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            Environment = { ["ASPNETCORE_URLS"] = "http://127.0.0.1:0", ["Workbench__DataDirectory"] = data, ["Workbench__" + key] = value },
        };

        using var process = Process.Start(start)!;
        _ = process.StandardOutput.ReadToEndAsync();
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(1, process.ExitCode);
        Assert.Contains(message, errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
        await ServerProcess.DeleteAsync(data);
    }

    [Theory]
    [InlineData("Origin", "http://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("Host", "evil.example", HttpStatusCode.BadRequest)]
    public async Task Request_FromAnotherSite_IsRefused(string header, string value, HttpStatusCode wanted)
    {
        await using var server = await ServerProcess.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, Routes.Runs);
        request.Headers.TryAddWithoutValidation(header, value);

        using var answer = await server.Http.SendAsync(request);

        Assert.Equal(wanted, answer.StatusCode);
    }

    [GeneratedRegex(@"VmRSS:\s+(\d+)")]
    private static partial Regex Resident();
}
