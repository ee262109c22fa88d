using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Threading.Channels;
using Peft.Core.Runs;

namespace Workbench.Server.Playground;

/// <summary>Questions and answers over one stream of JSON lines: many at a time, told apart by their ids.</summary>
internal sealed class ServeConnection : IAsyncDisposable
{
    private readonly Stream _stream;
    private readonly Func<string> _lastWords;
    private readonly ConcurrentDictionary<string, Channel<ServeAnswer>> _open = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly CancellationTokenSource _end = new();
    private readonly Task _reading;
    private volatile bool _ended;

    /// <param name="stream">To the worker; owned.</param>
    /// <param name="lastWords">Why it ended, asked when it has.</param>
    public ServeConnection(Stream stream, Func<string> lastWords)
    {
        _stream = stream;
        _lastWords = lastWords;
        _reading = Task.Run(ReadAsync);
    }

    /// <summary>True as long as the worker is there.</summary>
    public bool IsAlive => !_ended;

    /// <summary>Asks; the last answer is <c>done</c> or <c>error</c>. Giving up on the answer takes the question back.</summary>
    public async IAsyncEnumerable<ServeAnswer> AskAsync(ServeQuestion question, [EnumeratorCancellation] CancellationToken cancel)
    {
        var channel = Channel.CreateUnbounded<ServeAnswer>(new UnboundedChannelOptions { SingleReader = true });
        _open[question.Id] = channel;
        var finished = false;
        try
        {
            await SendAsync(question, cancel);
            if (_ended)
                Fail(question.Id);
            await foreach (var answer in channel.Reader.ReadAllAsync(cancel))
            {
                finished = answer.IsLast;
                yield return answer;
                if (finished)
                    yield break;
            }
        }
        finally
        {
            _open.TryRemove(question.Id, out _);
            if (!finished && !_ended)
                await SendAsync(new ServeCancel(question.Id), CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _ended = true;
        await _end.CancelAsync();
        await _reading;
        await _stream.DisposeAsync();
        _end.Dispose();
    }

    private async Task SendAsync<T>(T message, CancellationToken cancel)
    {
        var line = JsonSerializer.SerializeToUtf8Bytes(message, RunRequest.Json);
        await _writing.WaitAsync(cancel);
        try
        {
            await _stream.WriteAsync((byte[])[.. line, (byte)'\n'], CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The worker is gone; the reading side tells everyone who waits.
            _ended = true;
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task ReadAsync()
    {
        using var reader = new StreamReader(_stream, leaveOpen: true);
        try
        {
            while (await reader.ReadLineAsync(_end.Token) is { } line)
            {
                if (JsonSerializer.Deserialize<ServeAnswer>(line, RunRequest.Json) is { Id: { } id } answer && _open.TryGetValue(id, out var channel))
                    channel.Writer.TryWrite(answer);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or JsonException)
        {
            // An end that was asked for, a broken connection and a garbled line are alike: nothing that follows can be trusted.
            _ended = true;
        }

        _ended = true;
        foreach (var open in _open.Keys)
            Fail(open);
    }

    private void Fail(string id)
    {
        if (_open.TryGetValue(id, out var channel))
            channel.Writer.TryWrite(new ServeAnswer { Id = id, Kind = "error", Message = _lastWords() });
    }
}
