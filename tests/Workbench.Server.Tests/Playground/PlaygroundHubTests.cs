using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Playground;

public sealed class PlaygroundHubTests(SeededServer server) : IClassFixture<SeededServer>
{
    [Fact]
    public async Task Generate_BaseModel_StreamsAnAnswerInPieces()
    {
        var chunks = await AskAsync(Question() with { MaxNewTokens = 6 });

        Assert.Null(chunks[^1].Error);
        Assert.True(chunks[^1].Done);
        Assert.True(chunks.Count > 1, "the answer came in one piece");
        Assert.InRange(chunks[^1].Tokens, 1, 6);
        Assert.NotEmpty(string.Concat(chunks.Select(chunk => chunk.Text)));
    }

    [Theory]
    [InlineData(0, "max_new_tokens")]
    [InlineData(5000, "max_new_tokens")]
    public async Task Generate_BadLimit_IsRefusedByName(int limit, string named)
    {
        var chunk = Assert.Single(await AskAsync(Question() with { MaxNewTokens = limit }));

        Assert.Contains(named, chunk.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_UnknownModelOrRun_IsNamed()
    {
        Assert.Contains("nothing", Assert.Single(await AskAsync(Question() with { ModelId = "nothing" })).Error, StringComparison.Ordinal);
        Assert.Contains("01NO", Assert.Single(await AskAsync(Question() with { RunId = "01NO" })).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_NoQuestion_IsRefused()
    {
        var chunk = Assert.Single(await AskAsync(Question() with { Instruction = " ", Input = "" }));

        Assert.Contains("no question", chunk.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_OptionsThatCannotWork_AreAllNamed()
    {
        var request = Question() with { DoSample = true, Temperature = 0, TopK = -1, NumBeams = 99, EarlyStopping = "soon", StopStrings = [""] };
        var chunk = Assert.Single(await AskAsync(request));

        Assert.All(["temperature", "top_k", "num_beams", "early_stopping", "stop_strings"], name => Assert.Contains(name, chunk.Error, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Generate_BeamSearch_AnswersInOnePiece()
    {
        var chunks = await AskAsync(Question() with { MaxNewTokens = 6, NumBeams = 3 });

        Assert.Null(chunks[^1].Error);
        Assert.True(chunks[^1].Done);
        Assert.Single(chunks, chunk => chunk.Text.Length > 0);
    }

    [Fact]
    public async Task Generate_StopText_EndsTheAnswerInFrontOfIt()
    {
        var whole = string.Concat((await AskAsync(Question() with { MaxNewTokens = 12 })).Select(chunk => chunk.Text));
        var stop = whole.Substring(2, 2);
        var chunks = await AskAsync(Question() with { MaxNewTokens = 12, StopStrings = [stop] });

        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], string.Concat(chunks.Select(chunk => chunk.Text)));
        Assert.True(chunks[^1].Tokens < 12);
    }

    private GenerateRequest Question() => new() { ModelId = server.Project.ModelId, Instruction = "请回答。", Input = "刘德华与朱丽倩结婚。" };

    private async Task<List<GenerateChunk>> AskAsync(GenerateRequest request)
    {
        await using var connection = new HubConnectionBuilder()
            .WithUrl(new Uri(server.Factory.Server.BaseAddress, Routes.PlaygroundHub), options =>
            {
                options.HttpMessageHandlerFactory = _ => server.Factory.Server.CreateHandler();
                options.Transports = HttpTransportType.LongPolling;
            })
            .AddJsonProtocol(json => json.PayloadSerializerOptions.Converters.Add(new System.Text.Json.Serialization.JsonStringEnumConverter()))
            .Build();
        await connection.StartAsync();
        var chunks = new List<GenerateChunk>();
        await foreach (var chunk in connection.StreamAsync<GenerateChunk>("Generate", request))
            chunks.Add(chunk);
        return chunks;
    }
}
