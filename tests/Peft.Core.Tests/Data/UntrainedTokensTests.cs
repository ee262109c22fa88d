using Peft.Core.Data;
using Peft.Core.Models;
using Peft.Core.Tokenization;

namespace Peft.Core.Tests.Data;

public sealed class UntrainedTokensTests
{
    [Fact]
    public void Find_SampleBase_NamesTheHalfWidthParenthesesAndNothingThatItKnows()
    {
        var tokenizer = PretrainedTokenizer.Load(SampleFiles.Base);
        var never = new[] { "(", ")", "'" }.Select(text => tokenizer.Id(text)!.Value).ToArray();
        var known = tokenizer.Encode("刘德华与朱丽倩结婚，住在北京[A]1。<|eos|>");
        var found = UntrainedTokens.Find(SampleFiles.Base, ModelConfig.Load(SampleFiles.Base), [.. never, .. known])!;

        Assert.Equal(never.Order(), found.Select(token => token.Id).Order());
    }

    [Fact]
    public void Find_NoSafetensors_IsNull()
    {
        using var folder = new TemporaryFolder();
        Assert.Null(UntrainedTokens.Find(folder.Path, ModelConfig.Load(SampleFiles.Base), [1]));
    }
}
