using System.Text.Json.Nodes;
using Peft.Core.Data;
using Peft.Core.Evaluation;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Tests.Training;
using Peft.Core.Tokenization;
using TorchSharp;

namespace Peft.Core.Tests.Evaluation;

[Collection(TorchCollection.Name)]
public sealed class AnswerGeneratorTests : IDisposable
{
    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [Theory]
    [InlineData("LORA")]
    [InlineData("PREFIX_TUNING")]
    public void Answer_BesideLongerPrompts_EqualsTheAnswerAlone(string method)
    {
        var tokenizer = PretrainedTokenizer.Load(tiny.Base);
        var encoder = new ExampleEncoder(tokenizer, PromptTemplate.Of(tokenizer), 512);
        using var model = CausalLanguageModel.Load(tiny.Base, new ModelLoadOptions { Dtype = "float32" });
        torch.manual_seed(1);
        using var adapter = PeftMethods.Create(model, PeftConfig.FromJson(new JsonObject { ["peft_type"] = method, ["num_virtual_tokens"] = 4, ["target_modules"] = "all-linear" }));
        var records = DatasetSnapshot.Open(tiny.Dataset).Read("train").Take(5).Append(new InstructionRecord("短", "", "无")).ToArray();
        var generator = new AnswerGenerator(model, tokenizer, encoder, maxNewTokens: 12);
        var told = new List<int>();

        var together = generator.Answer(records, batchSize: 6, told.Add);
        var alone = records.Select(record => generator.Answer([record], 1)[0]).ToArray();

        Assert.Equal(alone, together);
        Assert.Equal([6], told);
        Assert.Contains(together, answer => answer.Length > 0);
    }
}
