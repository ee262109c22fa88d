using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Peft.Core.Runs;
using Peft.Core.Training;

namespace Peft.Core.Recipes;

/// <summary>A run as a Python script for transformers and PEFT.</summary>
internal static class HuggingFaceScript
{
    /// <summary>PEFT's config classes by <c>peft_type</c>.</summary>
    private static readonly Dictionary<string, string> s_configs = new(StringComparer.Ordinal)
    {
        ["LORA"] = "LoraConfig", ["ADALORA"] = "AdaLoraConfig", ["VERA"] = "VeraConfig", ["LOHA"] = "LoHaConfig", ["LOKR"] = "LoKrConfig", ["OFT"] = "OFTConfig", ["BOFT"] = "BOFTConfig",
        ["IA3"] = "IA3Config", ["LN_TUNING"] = "LNTuningConfig", ["PREFIX_TUNING"] = "PrefixTuningConfig", ["PROMPT_TUNING"] = "PromptTuningConfig", ["P_TUNING"] = "PromptEncoderConfig",
        ["MULTITASK_PROMPT_TUNING"] = "MultitaskPromptTuningConfig", ["ADAPTION_PROMPT"] = "AdaptionPromptConfig",
    };

    public static string Of(RunRequest request, TrainingArguments arguments, string model, string dataset)
    {
        var type = request.Peft["peft_type"]?.ToString() ?? "";
        var own = type is "FULL" or "BITFIT";
        if (!own && !s_configs.ContainsKey(type))
            throw new PeftException($"HF PEFT has no {type}, so there is no script for this run.");
        var auto = request.TaskType switch
        {
            "CAUSAL_LM" => "AutoModelForCausalLM",
            "SEQ_2_SEQ_LM" => "AutoModelForSeq2SeqLM",
            "SEQ_CLS" => "AutoModelForSequenceClassification",
            _ => throw new PeftException($"There is no script for {request.TaskType} yet: CAUSAL_LM, SEQ_2_SEQ_LM and SEQ_CLS can be exported."),
        };
        var text = new StringBuilder();
        void Line(string line = "") => text.Append(line).Append('\n');
        Line("# A run of PEFT Workbench for transformers and PEFT: pip install torch 'transformers<5' peft accelerate");
        Line("import json");
        Line("import torch");
        Line($"from transformers import {auto}, AutoTokenizer, DataCollatorForSeq2Seq, DataCollatorWithPadding, EarlyStoppingCallback, Trainer, TrainingArguments, set_seed");
        if (!own)
            Line($"from peft import {s_configs[type]}, get_peft_model");
        if (request.Quantization is { LoadIn4Bit: true })
            Line("from transformers import BitsAndBytesConfig\nfrom peft import prepare_model_for_kbit_training");
        Line();
        Line($"MODEL = {Python(JsonValue.Create(model))}");
        Line($"DATA = {Python(JsonValue.Create(dataset))}");
        Line($"MAX_LENGTH = {arguments.MaxLength.ToString(CultureInfo.InvariantCulture)}");
        Line($"set_seed({arguments.Seed.ToString(CultureInfo.InvariantCulture)})");
        Line("tokenizer = AutoTokenizer.from_pretrained(MODEL)");
        Line("if tokenizer.pad_token is None:\n    tokenizer.pad_token = tokenizer.eos_token");
        Line();
        Line("def rows(split):\n    try:\n        with open(f\"{DATA}/{split}.jsonl\", encoding=\"utf-8\") as lines:\n            return [json.loads(line) for line in lines if line.strip()]\n    except FileNotFoundError:\n        return []");
        Line();
        text.Append(Encoding(request.TaskType, arguments));
        Line();
        Line($"model = {auto}.from_pretrained(MODEL{Loading(request)})");
        if (request.TaskType == "SEQ_CLS")
            Line("model.config.pad_token_id = tokenizer.pad_token_id");
        if (request.Quantization is { LoadIn4Bit: true } quantization && quantization.PrepareModelForKbitTraining)
            Line("model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)");
        switch (type)
        {
            case "FULL":
                break;
            case "BITFIT":
                Line("for name, parameter in model.named_parameters():\n    parameter.requires_grad = name.endswith(\".bias\") or name.startswith((\"classifier\", \"score\"))");
                break;
            default:
                Line($"model = get_peft_model(model, {s_configs[type]}(");
                foreach (var (name, value) in request.Peft.Where(pair => pair.Key is not "peft_type" and not "task_type" && pair.Value is not null).Prepend(new("task_type", request.TaskType)))
                    Line($"    {name}={(name.StartsWith("init_", StringComparison.Ordinal) ? Choice(value) : Python(value))},");
                Line("))\nmodel.print_trainable_parameters()");
                break;
        }

        Line();
        Line("arguments = TrainingArguments(\n    output_dir=\"outputs\",");
        foreach (var (name, value) in HuggingFaceArguments.Of(arguments))
            Line($"    {name}={Python(value)},");
        Line(")");
        if (arguments.LrMinRatio > 0 && arguments.LrSchedulerType == "linear")
            Line(string.Create(CultureInfo.InvariantCulture, $"# The run's rate ended at {arguments.LrMinRatio:R} of its peak; the linear schedule of transformers ends at 0."));
        Line("trainer = Trainer(model=model, args=arguments, train_dataset=train, eval_dataset=dev or None, data_collator=collate)");
        if (arguments.EarlyStoppingPatience > 0)
        {
            Line(string.Create(
                CultureInfo.InvariantCulture, $"trainer.add_callback(EarlyStoppingCallback({arguments.EarlyStoppingPatience}, {arguments.EarlyStoppingThreshold:R}))"));
        }

        Line("trainer.train()\ntrainer.save_model(\"outputs/final\")\ntokenizer.save_pretrained(\"outputs/final\")");
        return text.ToString();
    }

    private static string Encoding(string task, TrainingArguments arguments) => task switch
    {
        "SEQ_CLS" => """
            labels = sorted({row["label"] for row in rows("train")})

            def encode(row):
                pair = [row["text_pair"]] if row.get("text_pair") else []
                ids = tokenizer(row["text"], *pair, truncation=True, max_length=MAX_LENGTH)
                return {**ids, "labels": labels.index(row["label"])}

            train, dev = [encode(row) for row in rows("train")], [encode(row) for row in rows("dev")]
            collate = DataCollatorWithPadding(tokenizer)

            """,
        "SEQ_2_SEQ_LM" => """
            def encode(row):
                text = row["instruction"] + ("\n" + row["input"] if row.get("input") else "")
                return {**tokenizer(text, truncation=True, max_length=MAX_LENGTH), "labels": tokenizer(text_target=row["output"], truncation=True, max_length=MAX_LENGTH)["input_ids"]}

            train, dev = [encode(row) for row in rows("train")], [encode(row) for row in rows("dev")]
            collate = DataCollatorForSeq2Seq(tokenizer)

            """,
        _ => $$"""
            CHAT = {{(arguments.PromptFormat == "plain" ? "False" : arguments.PromptFormat == "chat" ? "True" : "tokenizer.chat_template is not None")}}

            def encode(row):
                content = row["instruction"] + ("\n" + row["input"] if row.get("input") else "")
                if CHAT:
                    prompt = tokenizer.apply_chat_template([{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True)
                else:
                    prompt = (tokenizer.bos_token or "") + content + "\n"
                front = tokenizer(prompt, add_special_tokens=False)["input_ids"]
                answer = tokenizer(row["output"] + (tokenizer.eos_token or ""), add_special_tokens=False)["input_ids"]
                front = front[: max(0, MAX_LENGTH - len(answer))]
                return {"input_ids": front + answer, "attention_mask": [1] * (len(front) + len(answer)), "labels": [-100] * len(front) + answer}

            train, dev = [encode(row) for row in rows("train")], [encode(row) for row in rows("dev")]
            collate = DataCollatorForSeq2Seq(tokenizer)

            """,
    };

    private static string Loading(RunRequest request)
    {
        var dtype = request.Dtype == "bfloat16" ? ", dtype=torch.bfloat16" : request.Dtype == "float32" ? ", dtype=torch.float32" : ", dtype=\"auto\"";
        if (request.TaskType == "SEQ_CLS")
            dtype += ", num_labels=len(labels)";
        return request.Quantization is { LoadIn4Bit: true } quantization
            ? $"{dtype}, quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type={Python(quantization.Bnb4BitQuantType)}, bnb_4bit_use_double_quant={Python(quantization.Bnb4BitUseDoubleQuant)}, bnb_4bit_compute_dtype=torch.{quantization.Bnb4BitComputeDtype})"
            : dtype;
    }

    /// <summary>Options that are a name or a yes or no: those are texts in a form.</summary>
    private static string Choice(JsonNode? value) => value?.ToString() switch
    {
        "true" => "True",
        "false" => "False",
        _ => Python(value),
    };

    /// <summary>A value as Python writes it.</summary>
    private static string Python(JsonNode? value) => value switch
    {
        null => "None",
        JsonArray list => "[" + string.Join(", ", list.Select(Python)) + "]",
        JsonObject map => "{" + string.Join(", ", map.Select(pair => $"{Python(pair.Key)}: {Python(pair.Value)}")) + "}",
        JsonValue flag when flag.TryGetValue<bool>(out var truth) => truth ? "True" : "False",
        _ => value.ToJsonString(), // strings of JSON are strings of Python
    };
}
