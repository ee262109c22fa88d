using System.IO.Pipelines;
using System.Text;
using System.Text.Json.Nodes;
using Workbench.Server.Playground;

namespace Workbench.Server.Tests.Playground;

public sealed class ServeConnectionTests
{
    [Fact]
    public async Task Ask_TwoQuestions_GetTheirOwnAnswers()
    {
        await using var worker = new FakeWorker();
        await using var connection = new ServeConnection(worker.Stream, () => "gone");
        var first = CollectAsync(connection, "a", CancellationToken.None);
        var second = CollectAsync(connection, "b", CancellationToken.None);
        await worker.NextAsync();
        await worker.NextAsync();

        await worker.SayAsync("""{"id":"b","kind":"token","text":"B"}""");
        await worker.SayAsync("""{"id":"a","kind":"token","text":"A"}""");
        await worker.SayAsync("""{"id":"b","kind":"done","text":"B","tokens":1,"seconds":0.5}""");
        await worker.SayAsync("""{"id":"a","kind":"done","text":"A","tokens":1,"seconds":0.5}""");

        Assert.Equal(["token A", "done A"], await first);
        Assert.Equal(["token B", "done B"], await second);
    }

    [Fact]
    public async Task Ask_Question_TravelsInTheWorkersNames()
    {
        await using var worker = new FakeWorker();
        await using var connection = new ServeConnection(worker.Stream, () => "gone");
        var answer = CollectAsync(connection, "a", CancellationToken.None);

        var question = await worker.NextAsync();

        Assert.Equal("抽取", question["instruction"]!.GetValue<string>());
        Assert.Equal(9, question["max_new_tokens"]!.GetValue<int>());
        Assert.False(question.ContainsKey("adapter"));
        await worker.SayAsync("""{"id":"a","kind":"error","message":"no"}""");
        Assert.Equal(["error no"], await answer);
    }

    [Fact]
    public async Task Ask_ViewerLeaves_TakesTheQuestionBack()
    {
        await using var worker = new FakeWorker();
        await using var connection = new ServeConnection(worker.Stream, () => "gone");
        using var leave = new CancellationTokenSource();
        var answer = CollectAsync(connection, "a", leave.Token);
        await worker.NextAsync();

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);
        Assert.Equal("a", (await worker.NextAsync())["cancel"]!.GetValue<string>());
        Assert.True(connection.IsAlive);
    }

    [Fact]
    public async Task Ask_WorkerDies_EndsWithItsLastWords()
    {
        var worker = new FakeWorker();
        await using var connection = new ServeConnection(worker.Stream, () => "out of memory");
        var answer = CollectAsync(connection, "a", CancellationToken.None);
        await worker.NextAsync();

        await worker.DisposeAsync();

        Assert.Equal(["error out of memory"], await answer);
        Assert.False(connection.IsAlive);
    }

    private static async Task<List<string>> CollectAsync(ServeConnection connection, string id, CancellationToken cancel)
    {
        var seen = new List<string>();
        var question = new ServeQuestion { Id = id, Instruction = "抽取", Input = "", MaxNewTokens = 9 };
        await foreach (var answer in connection.AskAsync(question, cancel))
            seen.Add($"{answer.Kind} {answer.Text}{answer.Message}");
        return seen;
    }

    /// <summary>The other end of the line.</summary>
    private sealed class FakeWorker : IAsyncDisposable
    {
        private readonly Pipe _toWorker = new();
        private readonly Pipe _toServer = new();
        private readonly StreamReader _reader;

        public FakeWorker()
        {
            _reader = new StreamReader(_toWorker.Reader.AsStream());
            Stream = new TwoWay(_toServer.Reader.AsStream(), _toWorker.Writer.AsStream());
        }

        public Stream Stream { get; }

        public async Task<JsonObject> NextAsync() => (JsonObject)JsonNode.Parse((await _reader.ReadLineAsync())!)!;

        public async Task SayAsync(string line) => await _toServer.Writer.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"));

        public async ValueTask DisposeAsync()
        {
            await _toServer.Writer.CompleteAsync();
            await _toWorker.Reader.CompleteAsync();
        }
    }

    private sealed class TwoWay(Stream reading, Stream writing) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Flush() => writing.Flush();

        public override int Read(byte[] buffer, int offset, int count) => reading.Read(buffer, offset, count);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => reading.ReadAsync(buffer, cancellationToken);

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => writing.Write(buffer, offset, count);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await writing.WriteAsync(buffer, cancellationToken);
            await writing.FlushAsync(cancellationToken);
        }

        protected override void Dispose(bool disposing)
        {
            reading.Dispose();
            writing.Dispose();
            base.Dispose(disposing);
        }
    }
}
