using System.Text;
using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Tokenization;

namespace Peft.Core.Tests.Data;

public sealed class ChatRecordTests
{
    private static readonly PretrainedTokenizer s_tokenizer = PretrainedTokenizer.Load(SampleFiles.Base);

    private static readonly ChatRecord s_chat = new(
    [
        new ChatMessage("user", "甲"), new ChatMessage("assistant", "乙"), new ChatMessage("user", "丙"), new ChatMessage("assistant", "丁丁"),
    ]);

    [Fact]
    public void Read_ShareGpt_IsTheSameAsMessages()
    {
        var shared = Read("""{"conversations":[{"from":"human","value":"甲"},{"from":"gpt","value":"乙"},{"from":"human","value":"丙"},{"from":"gpt","value":"丁丁"}]}""");
        var plain = Read("""{"messages":[{"role":"user","content":"甲"},{"role":"assistant","content":"乙"},{"role":"user","content":[{"type":"text","text":"丙"}]},{"role":"assistant","content":"丁丁"}]}""");

        Assert.Equal(s_chat.Messages, shared.Messages);
        Assert.Equal(s_chat.Messages, plain.Messages);
    }

    [Fact]
    public void Read_Tools_KeepsCallsAndAnswers()
    {
        var chat = Read("""{"system":"规则","tools":"[{\"name\": \"天气\"}]","conversations":[{"from":"human","value":"几度"},{"from":"function_call","value":"{\"name\":\"天气\",\"arguments\":{}}"},{"from":"observation","value":"9"},{"from":"gpt","value":"9 度"}]}""");

        Assert.Equal(["system", "user", "assistant", "tool", "assistant"], chat.Messages.Select(m => m.Role));
        Assert.Equal("""[{"type":"function","function":{"name":"天气","arguments":{}}}]""", chat.Messages[2].ToolCalls);
        Assert.Equal("""[{"name":"天气"}]""", chat.Tools);
        Assert.Equal(("9", "9 度"), (chat.AsInstruction().Instruction, chat.AsInstruction().Output));
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"甲"}]}""", "no turn of the assistant")]
    [InlineData("""{"messages":[{"role":"robot","content":"甲"}]}""", "role 'robot'")]
    [InlineData("""{"messages":[{"role":"assistant","content":[{"type":"image"}]}]}""", "no text")]
    [InlineData("""{"messages":[{"role":"assistant","content":"甲"}],"tools":"none"}""", "must be a list of tools")]
    public void Read_UnusableRow_SaysWhy(string row, string why)
    {
        var problem = Assert.Single(TaskRecords.ParseChats(Encoding.UTF8.GetBytes(row), "f").Problems);
        Assert.Contains(why, problem.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(TrainOn.Answers, "乙<|eos|>丁丁<|eos|>")]
    [InlineData(TrainOn.LastAnswer, "丁丁<|eos|>")]
    [InlineData(TrainOn.Everything, "<|bos|><|user|>甲<|assistant|>乙<|eos|><|user|>丙<|assistant|>丁丁<|eos|>")]
    public void Encode_Conversation_LearnsWhatIsAskedFor(TrainOn trainOn, string learnt)
    {
        var example = Encoder(64, CutPolicy.Error, trainOn).Encode(s_chat, "r")!;

        Assert.Equal("<|bos|><|user|>甲<|assistant|>乙<|eos|><|user|>丙<|assistant|>丁丁<|eos|>", s_tokenizer.Decode(example.Ids, skipSpecialTokens: false));
        Assert.Equal(learnt, s_tokenizer.Decode(example.Ids.Where((_, t) => example.Learns(t)), skipSpecialTokens: false));
    }

    [Fact]
    public void Encode_LongConversation_KeepsWholeTurnsOrTheLastOne()
    {
        var all = Encoder(64, CutPolicy.Error, TrainOn.Answers).Encode(s_chat, "r")!;
        var whole = Encoder(all.Length - 1, CutPolicy.Error, TrainOn.Answers).Encode(s_chat, "r")!;
        var last = Encoder(all.Length - 1, CutPolicy.KeepOutputLeft, TrainOn.LastAnswer).Encode(s_chat, "r")!;

        Assert.EndsWith("乙<|eos|>", s_tokenizer.Decode(whole.Ids, skipSpecialTokens: false), StringComparison.Ordinal);
        Assert.Equal("丁丁<|eos|>", s_tokenizer.Decode(last.Ids.Where((_, t) => last.Learns(t)), skipSpecialTokens: false));
        Assert.Null(Encoder(all.Length - 1, CutPolicy.Drop, TrainOn.Answers).Encode(s_chat, "r"));
        Assert.Contains("first turn", Assert.Throws<PeftException>(() => Encoder(2, CutPolicy.Error, TrainOn.Answers).Encode(s_chat, "r")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Snapshot_OfConversations_ReadsBackWhatWasWritten()
    {
        using var folder = new TemporaryFolder();
        var chat = s_chat with { Id = "c1", Tools = """[{"name":"x"}]""" };
        DatasetSnapshot.Write(folder.File("s"), new Dictionary<string, IReadOnlyList<ChatRecord>> { ["train"] = [chat] }, "n", "d", DateTimeOffset.UnixEpoch, DatasetKind.Chat);
        var read = Assert.Single(DatasetSnapshot.Open(folder.File("s")).Read<ChatRecord>("train"));

        Assert.Equal(chat.Content, read.Content);
        Assert.Equal("c1", read.Id);
        Assert.Equal(DatasetKind.Chat, DatasetSnapshot.Open(folder.File("s/train.jsonl")).Kind);
    }

    private static ChatRecord Read(string row)
    {
        var read = TaskRecords.ParseChats(Encoding.UTF8.GetBytes(row), "f");
        Assert.Empty(read.Problems);
        return Assert.Single(read.Records);
    }

    private static ExampleEncoder Encoder(int limit, CutPolicy policy, TrainOn trainOn) => new(s_tokenizer, PromptTemplate.Of(s_tokenizer), limit, policy, trainOn);
}
