using System.Text.Json;
using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Planning;

public sealed class PreviewTests(SeededServer server) : IClassFixture<SeededServer>
{
    [Theory]
    [InlineData("LORA", 311_296, 8_200_448, 1_245_184)]
    [InlineData("PREFIX_TUNING", 561_920, 8_451_072, 163_840)]
    [InlineData("BITFIT", 20_480, 7_889_152, 81_920)]
    [InlineData("FULL", 7_889_152, 7_889_152, 31_556_608)]
    [InlineData("NONE", 0, 7_889_152, 0)]
    public async Task Preview_DefaultsOfAMethod_CountWhatTheReferenceCounted(string peftType, long trainable, long all, long adapter)
    {
        var preview = await PreviewAsync(Draft(peftType));

        Assert.DoesNotContain(preview.Problems, problem => problem.Severity == "error");
        Assert.Equal((trainable, all), (preview.TrainableParams, preview.AllParams));
        Assert.Equal(adapter, preview.AdapterBytes);
        Assert.True(preview.EstimatedSeconds > 0);
        Assert.True(preview.Memory.Total > preview.Memory.Weights);
    }

    [Fact]
    public async Task Preview_Lora_PrintsTheLineThatPeftPrints()
    {
        var preview = await PreviewAsync(Draft("LORA"));

        Assert.Equal("trainable params: 311,296 || all params: 8,200,448 || trainable%: 3.7961", preview.TrainableLine);
    }

    [Fact]
    public async Task Preview_Lora_HasTheSettingsOfTheReference()
    {
        var preview = await PreviewAsync(Draft("LORA"));

        Assert.Equal(0.008, preview.EffectiveTraining["learning_rate"].GetDouble());
        Assert.Equal(200, preview.EffectiveTraining["max_steps"].GetInt32());
        Assert.Equal(10, preview.EffectiveTraining["warmup_steps"].GetInt32());
        Assert.Equal(0.05, preview.EffectiveTraining["lr_min_ratio"].GetDouble());
        Assert.Equal("all-linear", preview.EffectivePeft["target_modules"].GetString());
        Assert.Equal(16, preview.EffectivePeft["lora_alpha"].GetInt32());
        Assert.Contains("--method LORA --set lora_alpha=16 --set target_modules=all-linear --learning_rate 0.008", preview.Command, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Preview_TrainingOptions_AreDescribedAndTaken()
    {
        var preview = await PreviewAsync(Draft("LORA") with
        {
            Training = Json("{\"optim\":\"adafactor\",\"neftune_noise_alpha\":5,\"lr_scheduler_kwargs\":{},\"load_best_model_at_end\":true,\"greater_is_better\":null}"),
        });

        Assert.DoesNotContain(preview.Problems, problem => problem.Severity == "error");
        Assert.Equal(5, preview.EffectiveTraining["neftune_noise_alpha"].GetDouble());
        Assert.Equal(JsonValueKind.Null, preview.EffectiveTraining["loraplus_lr_ratio"].ValueKind);
        Assert.Contains("--optim adafactor", preview.Command, StringComparison.Ordinal);
        var optim = preview.TrainingOptions.Single(option => option.Name == "optim");
        Assert.Equal(OptionKind.Choice, optim.Kind);
        Assert.Contains("sgd", optim.Choices);
        Assert.Equal("Optimizer", optim.Group);
        Assert.Equal(preview.EffectiveTraining.Keys.Order(), preview.TrainingOptions.Select(option => option.Name).Order());
    }

    [Fact]
    public async Task Preview_CheckpointingAndSgd_TakeLessMemory()
    {
        var usual = await PreviewAsync(Draft("LORA"));
        var frugal = await PreviewAsync(Draft("LORA") with { Training = Json("{\"optim\":\"sgd\",\"gradient_checkpointing\":true}") });

        Assert.True(frugal.Memory.Optimizer < usual.Memory.Optimizer);
        Assert.True(frugal.Memory.Activations < usual.Memory.Activations);
    }

    [Fact]
    public async Task Preview_PrefixWithoutProjection_TakesItsOwnRate()
    {
        var preview = await PreviewAsync(Draft("PREFIX_TUNING") with { Peft = Json("""{"prefix_projection":false}""") });

        Assert.Equal(40_960, preview.TrainableParams);
        Assert.Equal(0.03, preview.EffectiveTraining["learning_rate"].GetDouble());
    }

    [Fact]
    public async Task Preview_FewerSteps_ShortenTheWarmUp()
    {
        var preview = await PreviewAsync(Draft("LORA") with { Training = Json("""{"max_steps":40}""") });

        Assert.Equal(5, preview.EffectiveTraining["warmup_steps"].GetInt32());
    }

    [Theory]
    [InlineData("""{"learning_rate":0}""", "learning_rate", "learning_rate_zero")]
    [InlineData("""{"learning_rate":-0.1}""", "learning_rate", "learning_rate_zero")]
    [InlineData("""{"learning_rate":"NaN"}""", "learning_rate", "learning_rate_nan")]
    [InlineData("""{"learning_rate":"fast"}""", "learning_rate", "learning_rate_nan")]
    [InlineData("""{"per_device_train_batch_size":0}""", "per_device_train_batch_size", "out_of_range")]
    [InlineData("""{"max_length":4096}""", "max_length", "out_of_range")]
    [InlineData("""{"max_stepz":3}""", "max_stepz", "unknown_option")]
    public async Task Preview_BadTrainingArgument_IsNamed(string training, string field, string code)
    {
        var preview = await PreviewAsync(Draft("LORA") with { Training = Json(training) });

        var problem = Assert.Single(preview.Problems, problem => problem.Severity == "error");
        Assert.Equal((field, code), (problem.Field, problem.Code));
        Assert.Contains(field, problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"r":0}""", "r")]
    [InlineData("""{"lora_dropout":1.5}""", "lora_dropout")]
    [InlineData("""{"target_modules":"q_proj, no_such"}""", "target_modules")]
    [InlineData("""{"rank_pattern":"not json"}""", "rank_pattern")]
    [InlineData("""{"rank":4}""", "rank")]
    public async Task Preview_BadOption_IsNamed(string options, string field)
    {
        var preview = await PreviewAsync(Draft("LORA") with { Peft = Json(options) });

        Assert.Equal(field, Assert.Single(preview.Problems, problem => problem.Severity == "error").Field);
    }

    [Fact]
    public async Task Preview_RankAboveTheLayer_OnlyWarns()
    {
        var preview = await PreviewAsync(Draft("LORA") with { Peft = Json("""{"r":300}""") });

        // The sample's answers need parentheses that the sample base never learnt; that is said as well.
        Assert.Equal(["r", "trainable_token_indices"], preview.Problems.Select(problem => problem.Field));
        Assert.All(preview.Problems, problem => Assert.Equal("warning", problem.Severity));
        Assert.True(preview.TrainableParams > 7_889_152);
    }

    [Fact]
    public async Task Preview_ModuleNamesAsText_AreAList()
    {
        var preview = await PreviewAsync(Draft("LORA") with { Peft = Json("""{"target_modules":"q_proj, v_proj"}""") });

        Assert.Equal(JsonValueKind.Array, preview.EffectivePeft["target_modules"].ValueKind);
        // Eight layers: rank 8 of q (256 to 256) and v (256 to 128).
        Assert.Equal(8 * 8 * (256 + 256 + 256 + 128), preview.TrainableParams);
    }

    [Fact]
    public async Task Preview_SeveralProblems_AreAllListed()
    {
        var draft = Draft("LORA") with
        {
            DatasetId = "nowhere", ModelId = "nothing", Device = "cuda:7", Dtype = "int3", Training = Json("""{"learning_rate":0}"""), TestRecords = -1,
        };

        var preview = await PreviewAsync(draft);

        string[] fields = ["base_model", "dataset", "device", "dtype", "learning_rate", "test_records"];
        Assert.Equal(fields, preview.Problems.Where(problem => problem.Severity == "error").Select(problem => problem.Field).Order());
    }

    [Fact]
    public async Task Preview_EmptyDataset_CannotStart()
    {
        var empty = await server.Http.SendAsync<DatasetSummary>(HttpMethod.Post, Routes.Datasets, new CreateDataset("leer", ""));

        var preview = await PreviewAsync(Draft("LORA") with { DatasetId = empty.Id });

        Assert.Equal("dataset_empty", Assert.Single(preview.Problems).Code);
    }

    [Fact]
    public async Task Preview_UnknownMethod_IsRefusedWithTheKnownOnes()
    {
        var refusal = await server.Http.RefusalAsync(HttpMethod.Post, Routes.Runs + "/preview", Draft("MAGIC"), 422);

        Assert.Contains("MAGIC", refusal, StringComparison.Ordinal);
        Assert.Contains("BITFIT", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Methods_List_HoldsEveryMethodWithReasonsAndTheBaseline()
    {
        var methods = await server.Http.AskAsync<IReadOnlyList<MethodDto>>(Routes.Methods);

        Assert.Equal([.. Peft.Core.Methods.PeftMethodRegistry.All.Select(method => method.Name), "NONE"], methods.Select(method => method.PeftType));
        Assert.All(methods.SkipLast(1), method => Assert.NotEmpty(method.Preset.Reasons["learning_rate"]));
        Assert.Equal("\"all-linear\"", methods[0].Options.Single(option => option.Name == "target_modules").DefaultJson);
    }

    private Task<RunPreview> PreviewAsync(RunDraft draft) => server.Http.SendAsync<RunPreview>(HttpMethod.Post, Routes.Runs + "/preview", draft);

    private RunDraft Draft(string peftType) => server.Draft(peftType);

    private static Dictionary<string, JsonElement> Json(string json) => JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json)!;
}
