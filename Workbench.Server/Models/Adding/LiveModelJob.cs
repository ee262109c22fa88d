using Peft.Core.Hub;
using Workbench.Client.Contracts;

namespace Workbench.Server.Models.Adding;

/// <summary>A job while the server runs: its file, its work, and how fast it goes.</summary>
internal sealed class LiveModelJob(ModelJobFile file, string folder, TimeProvider time) : IDisposable
{
    private const string Part = ".part";

    private long _measuredBytes = -1;
    private long _measuredAt;
    private double _speed;

    public ModelJobFile File { get; private set; } = file;

    public string Folder { get; } = folder;

    /// <summary>Where the files gather.</summary>
    public string Files => Path.Combine(Folder, "files");

    /// <summary>One change at a time.</summary>
    public SemaphoreSlim Gate { get; } = new(1, 1);

    public CancellationTokenSource? Stop { get; set; }

    public Task Work { get; set; } = Task.CompletedTask;

    public HubDownload? Download { get; set; }

    public ModelJob Shown()
    {
        var done = DoneBytes();
        return new ModelJob
        {
            Id = File.Id,
            Kind = File.Kind,
            State = File.State,
            Name = File.Model,
            Source = File.HubId,
            Endpoint = File.Endpoint,
            TotalBytes = File.TotalBytes,
            DoneBytes = done,
            BytesPerSecond = File.State == ModelJobState.Running ? Speed(done) : 0,
            Message = File.Message,
            NeedsToken = File.NeedsToken,
            CanKeep = File.CanKeep,
            CreatedAt = File.CreatedAt,
        };
    }

    public void Turn(ModelJobState state, string? message = null, bool needsToken = false, bool canKeep = false)
    {
        File = File with { State = state, Message = message, NeedsToken = needsToken, CanKeep = canKeep };
        if (state != ModelJobState.Done)
            File.Write(Folder);
    }

    /// <summary>Bytes of a file that are here.</summary>
    public long Received(HubFile file)
    {
        var path = Path.Combine(Files, file.Path);
        return System.IO.File.Exists(path) ? new FileInfo(path).Length : System.IO.File.Exists(path + Part) ? new FileInfo(path + Part).Length : 0;
    }

    public void Dispose()
    {
        Stop?.Dispose();
        Gate.Dispose();
    }

    private long DoneBytes() => File.State == ModelJobState.Done ? File.TotalBytes : Download?.DoneBytes ?? File.Files.Sum(Received);

    /// <summary>Bytes a second, smoothed over some seconds.</summary>
    private double Speed(long done)
    {
        var now = time.GetTimestamp();
        if (_measuredBytes >= 0 && time.GetElapsedTime(_measuredAt, now).TotalSeconds is > 0.2 and var seconds)
        {
            var current = Math.Max(0, done - _measuredBytes) / seconds;
            _speed = _speed == 0 ? current : (0.7 * _speed) + (0.3 * current);
            (_measuredBytes, _measuredAt) = (done, now);
        }
        else if (_measuredBytes < 0)
        {
            (_measuredBytes, _measuredAt) = (done, now);
        }

        return _speed;
    }
}
