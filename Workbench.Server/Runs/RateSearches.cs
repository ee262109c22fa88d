using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Peft.Core;
using Peft.Core.Runs;
using Workbench.Client.Contracts;
using Workbench.Server.Jobs;

namespace Workbench.Server.Runs;

/// <summary>
/// Searches for a learning rate: <c>peft find-lr</c> as a process of its own, one at a time; a new one ends the one before. What was found
/// lives in memory alone.
/// </summary>
internal sealed class RateSearches(WorkerLocator worker) : IDisposable
{
    private const int Steps = 60;

    private readonly Lock _one = new();
    private Search? _current;

    /// <summary>Starts a search for an order whose paths are absolute.</summary>
    /// <exception cref="PeftException">The worker is missing or could not be started.</exception>
    public RateSearch Start(RunRequest request)
    {
        lock (_one)
        {
            _current?.Dispose();
            _current = Search.Start(worker.Find() ?? throw new PeftException(worker.MissingMessage), request);
            return _current.Now;
        }
    }

    /// <summary>How far a search has come; null when another has taken its place.</summary>
    public RateSearch? Find(string id)
    {
        lock (_one)
            return _current is { } search && search.Id == id ? search.Now : null;
    }

    /// <summary>Ends a search.</summary>
    public void Cancel(string id)
    {
        lock (_one)
        {
            if (_current?.Id != id)
                return;
            _current.Dispose();
            _current = null;
        }
    }

    public void Dispose() => _current?.Dispose();

    private sealed class Search : IDisposable
    {
        private readonly Process _process;
        private readonly DirectoryInfo _folder;
        private readonly ConcurrentQueue<RatePoint> _points = [];
        private readonly ConcurrentQueue<string> _errors = [];
        private volatile Result? _result;

        private Search(Process process, DirectoryInfo folder, string id)
        {
            (_process, _folder, Id) = (process, folder, id);
            process.OutputDataReceived += (_, line) => Take(line.Data);
            process.ErrorDataReceived += (_, line) =>
            {
                if (!string.IsNullOrWhiteSpace(line.Data))
                    _errors.Enqueue(line.Data);
            };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        public string Id { get; }

        public RateSearch Now
        {
            get
            {
                if (!_process.HasExited)
                    return new RateSearch(Id, Steps, [.. _points], false, null, null, null);
                _process.WaitForExit(); // until its last lines have been read
                return _result is { } result
                    ? new RateSearch(Id, Steps, [.. _points], true, result.Suggested, result.Diverged, null)
                    : new RateSearch(Id, Steps, [.. _points], true, null, null, Reason());
            }
        }

        public static Search Start(string program, RunRequest request)
        {
            var folder = Directory.CreateTempSubdirectory("peft-rate-");
            var paths = RunDirectory.Create(folder.FullName, request);
            var start = new ProcessStartInfo("dotnet", [program, "find-lr", "--order", paths.Root, "--json", "--search_steps", Steps.ToString(System.Globalization.CultureInfo.InvariantCulture)])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            };
            start.Environment.Remove("ASPNETCORE_URLS");
            try
            {
                return new Search(Process.Start(start) ?? throw new PeftException($"{program} could not be started."), folder, request.Id);
            }
            catch (System.ComponentModel.Win32Exception e)
            {
                folder.Delete(recursive: true);
                throw new PeftException($"{program} could not be started: {e.Message}", e);
            }
        }

        public void Dispose()
        {
            if (!_process.HasExited)
            {
                _process.Kill(entireProcessTree: true);
                _process.WaitForExit();
            }

            _process.Dispose();
            _folder.Delete(recursive: true);
        }

        private void Take(string? line)
        {
            if (line is null || !line.StartsWith('{'))
                return;
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            double? Of(string name) => root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;
            if (root.TryGetProperty("done", out _))
                _result = new Result(Of("suggested"), Of("diverged"));
            else if (Of("learning_rate") is { } rate && Of("loss") is { } loss && Of("smooth") is { } smooth)
                _points.Enqueue(new RatePoint(rate, loss, smooth));
        }

        private string Reason() => _errors.IsEmpty ? $"The search ended with code {_process.ExitCode}." : string.Join(Environment.NewLine, _errors.TakeLast(5)).Replace("peft: ", "", StringComparison.Ordinal);

        private sealed record Result(double? Suggested, double? Diverged);
    }
}
