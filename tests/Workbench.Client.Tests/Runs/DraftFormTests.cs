using Workbench.Client.Contracts;
using Workbench.Client.Features.Runs;

namespace Workbench.Client.Tests.Runs;

public sealed class DraftFormTests
{
    private readonly DraftForm _form = new() { DatasetId = "d1", ModelId = "m1" };

    public DraftFormTests() => _form.Choose(Samples.Lora);

    [Fact]
    public void Build_NothingChanged_SendsNoOption()
    {
        var draft = _form.Build();

        Assert.Empty(draft.Peft);
        Assert.Empty(draft.Training);
    }

    [Fact]
    public void Build_OptionChanged_SendsOnlyThatOne()
    {
        _form.Set("r", "16");
        _form.Set("learning_rate", "1e-3");

        var draft = _form.Build();

        Assert.Equal(16, Assert.Single(draft.Peft).Value.GetInt32());
        Assert.Equal(0.001, Assert.Single(draft.Training).Value.GetDouble());
    }

    [Theory]
    [InlineData("learning_rate", "8e-3")]
    [InlineData("r", " 8 ")]
    [InlineData("target_modules", "q_proj, v_proj")]
    public void Set_DefaultInAnotherSpelling_IsNoChange(string name, string text)
    {
        _form.Set(name, text);

        Assert.False(_form.IsChanged(name));
    }

    [Fact]
    public void Reset_OneOfTwoChanges_KeepsTheOther()
    {
        _form.Set("r", "16");
        _form.Set("lora_dropout", "0.1");

        _form.Reset("r");

        Assert.Equal("8", _form.Text("r"));
        Assert.True(_form.IsChanged("lora_dropout"));
    }

    [Theory]
    [InlineData("0", "learning_rate_zero", "error")]
    [InlineData("-0.1", "learning_rate_zero", "error")]
    [InlineData("NaN", "learning_rate_nan", "error")]
    [InlineData("fast", "unreadable", "error")]
    [InlineData("100000000", "learning_rate_high", "warning")]
    [InlineData("", "unreadable", "error")]
    public void Check_LearningRate_NamesWhatIsWrong(string text, string code, string severity)
    {
        _form.Set("learning_rate", text);

        var problem = Assert.Single(_form.Problems());

        Assert.Equal(("learning_rate", code, severity), (problem.Field, problem.Code, problem.Severity));
    }

    [Fact]
    public void Check_RankZero_IsOutOfRange()
    {
        _form.Set("r", "0");

        Assert.Equal("out_of_range", _form.Check("r")?.Code);
    }

    [Fact]
    public void Choose_OtherMethod_DropsItsOptionsAndKeepsTrainingChanges()
    {
        _form.Set("r", "16");
        _form.Set("max_steps", "50");

        _form.Choose(Samples.BitFit);
        var draft = _form.Build();

        Assert.Empty(draft.Peft);
        Assert.Equal(50, draft.Training["max_steps"].GetInt32());
        Assert.Equal("0.02", _form.Text("learning_rate"));
    }

    [Fact]
    public void Describe_EffectiveTraining_AddsFieldsWithTheirDefaults()
    {
        _form.Describe(Samples.Preview().EffectiveTraining);

        var seed = _form.Fields.Single(field => field.Name == "seed");

        Assert.Equal((OptionKind.Integer, "42", true), (seed.Kind, seed.DefaultText, seed.Advanced));
        Assert.Single(_form.Fields, field => field.Name == "learning_rate");
    }

    [Fact]
    public void Describe_WhatTheServerSays_DecidesKindChoicesAndEmptyValues()
    {
        _form.Describe(
            new Dictionary<string, System.Text.Json.JsonElement>
            {
                ["optim"] = Samples.Json("adamw_torch"), ["neftune_noise_alpha"] = Samples.Json(null), ["lr_scheduler_kwargs"] = System.Text.Json.JsonDocument.Parse("{}").RootElement,
            },
            [
                new("optim", OptionKind.Choice, "\"adamw_torch\"", null, null, ["adamw_torch", "sgd"], "What changes the weights.", true) { Group = "Optimizer" },
                new("neftune_noise_alpha", OptionKind.Number, "null", null, null, [], "Noise.", true),
                new("lr_scheduler_kwargs", OptionKind.Text, "{}", null, null, [], "Options.", true),
            ]);

        var optim = _form.Fields.Single(field => field.Name == "optim");
        Assert.Equal((OptionKind.Choice, "Optimizer", "What changes the weights."), (optim.Kind, optim.Group, optim.Help));
        _form.Set("neftune_noise_alpha", "5");
        _form.Set("lr_scheduler_kwargs", "{\"patience\": 3}");
        Assert.Empty(_form.Problems());
        Assert.Equal(5, _form.Build().Training["neftune_noise_alpha"].GetDouble());
        Assert.Equal(3, _form.Build().Training["lr_scheduler_kwargs"].GetProperty("patience").GetInt32());
        _form.Set("neftune_noise_alpha", "");
        Assert.False(_form.IsChanged("neftune_noise_alpha"));
        _form.Set("lr_scheduler_kwargs", "");
        Assert.Empty(_form.Problems());
    }

    [Fact]
    public void Take_EarlierDraft_MarksWhatDiffersFromTheDefaults()
    {
        _form.Take(new() { DatasetId = "d1", ModelId = "m1", PeftType = "LORA", Peft = new() { ["r"] = Samples.Json(4), ["lora_dropout"] = Samples.Json(0.05) } });

        Assert.True(_form.IsChanged("r"));
        Assert.False(_form.IsChanged("lora_dropout"));
    }
}
