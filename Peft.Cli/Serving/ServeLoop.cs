using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Peft.Core;

namespace Peft.Cli.Serving;

/// <summary>
/// Listens on a Unix socket and answers JSON lines. Connections are read concurrently; questions are answered one after another by the one
/// thread that owns the tensors. A question whose client has gone is dropped.
/// </summary>
internal sealed class ServeLoop(string socketPath, TimeSpan idleLimit, TimeProvider time)
{
    private readonly BlockingCollection<Question> _questions = [];
    private readonly ConcurrentDictionary<(Client, string), CancellationTokenSource> _running = new();
    private long _lastActivity = time.GetTimestamp();

    /// <summary>Runs until cancelled or idle for too long. Calls <paramref name="onReady"/> once when it listens.</summary>
    public void Run(ResidentModel model, Action onReady, CancellationToken stop)
    {
        File.Delete(socketPath);
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(socketPath));
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(socketPath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        listener.Listen();
        var accepting = AcceptAsync(listener, stop);
        onReady();
        try
        {
            while (!stop.IsCancellationRequested && !IsIdle())
            {
                if (_questions.TryTake(out var question, TimeSpan.FromSeconds(1)))
                    Answer(model, question, stop);
            }
        }
        finally
        {
            listener.Close();
            accepting.Wait(CancellationToken.None);
            File.Delete(socketPath);
        }
    }

    private bool IsIdle() => idleLimit > TimeSpan.Zero && _running.IsEmpty && time.GetElapsedTime(Interlocked.Read(ref _lastActivity)) > idleLimit;

    private void Answer(ResidentModel model, Question question, CancellationToken stop)
    {
        var (client, request, cancellation) = question;
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellation.Token, stop);
        try
        {
            linked.Token.ThrowIfCancellationRequested();
            client.Send(model.Answer(request, text => client.Send(new ServeReply(request.Id, "token", text)), linked.Token));
        }
        catch (OperationCanceledException)
        {
            client.Send(new ServeReply(request.Id, "cancelled"));
        }
        catch (Exception error) when (error is PeftException or ArgumentException or IOException or System.Runtime.InteropServices.ExternalException)
        {
            client.Send(new ServeReply(request.Id, "error", Message: error.Message));
        }
        finally
        {
            _running.TryRemove((client, request.Id!), out _);
            cancellation.Dispose();
            Interlocked.Exchange(ref _lastActivity, time.GetTimestamp());
        }
    }

    private async Task AcceptAsync(Socket listener, CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                var socket = await listener.AcceptAsync(stop).ConfigureAwait(false);
                _ = ReadAsync(new Client(socket), stop);
            }
        }
        catch (Exception end) when (end is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // The loop is ending: the listener was closed.
        }
    }

    private async Task ReadAsync(Client client, CancellationToken stop)
    {
        using (client)
        {
            using var reader = new StreamReader(client.Stream, new UTF8Encoding(false), leaveOpen: true);
            try
            {
                while (await reader.ReadLineAsync(stop).ConfigureAwait(false) is { } line)
                {
                    if (line.Length > 0)
                        Take(client, line);
                }
            }
            catch (Exception end) when (end is OperationCanceledException or IOException or ObjectDisposedException)
            {
                // The client is gone, or the loop is ending; its questions are dropped below.
            }

            foreach (var (key, cancellation) in _running.Where(entry => entry.Key.Item1 == client))
                Cancel(cancellation);
        }
    }

    private void Take(Client client, string line)
    {
        Interlocked.Exchange(ref _lastActivity, time.GetTimestamp());
        ServeRequest? request;
        try
        {
            request = JsonSerializer.Deserialize<ServeRequest>(line, ServeRequest.Json);
        }
        catch (JsonException error)
        {
            client.Send(new ServeReply(null, "error", Message: "The request is not valid JSON: " + error.Message));
            return;
        }

        if (request?.Cancel is { } cancelled)
        {
            if (_running.TryGetValue((client, cancelled), out var running))
                Cancel(running);
            return;
        }

        if (string.IsNullOrEmpty(request?.Id))
        {
            client.Send(new ServeReply(null, "error", Message: "The request has no 'id'."));
            return;
        }

        var cancellation = new CancellationTokenSource();
        if (_running.TryAdd((client, request.Id), cancellation))
        {
            _questions.Add(new Question(client, request, cancellation));
            return;
        }

        cancellation.Dispose();
        client.Send(new ServeReply(request.Id, "error", Message: $"The id '{request.Id}' is being answered already."));
    }

    private static void Cancel(CancellationTokenSource cancellation)
    {
        try
        {
            cancellation.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // Answered in this very moment: nothing is left to cancel.
        }
    }

    private sealed record Question(Client Client, ServeRequest Request, CancellationTokenSource Cancellation);

    private sealed class Client(Socket socket) : IDisposable
    {
        private readonly Lock _gate = new();

        public NetworkStream Stream { get; } = new(socket, ownsSocket: true);

        public void Send(ServeReply reply)
        {
            var line = JsonSerializer.SerializeToUtf8Bytes(reply, ServeRequest.Json);
            try
            {
                lock (_gate)
                {
                    Stream.Write(line);
                    Stream.WriteByte((byte)'\n');
                }
            }
            catch (Exception gone) when (gone is IOException or ObjectDisposedException)
            {
                // Nobody listens any more; the reading side cancels what is left of this client.
            }
        }

        public void Dispose() => Stream.Dispose();
    }
}
