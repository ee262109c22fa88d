using System.Text.Json.Nodes;
using Peft.Core.Runs;
using Peft.Core.Training;

namespace Peft.Core.Recipes;

/// <summary>A run as a config of LLaMA-Factory (https://github.com/hiyouga/LLaMA-Factory), for <c>llamafactory-cli train</c>.</summary>
internal static class LlamaFactoryRecipe
{
    public static string Of(RunRequest request, TrainingArguments arguments, string model, string dataset)
    {
        if (request.TaskType != "CAUSAL_LM")
            throw new PeftException($"LLaMA-Factory trains decoders that write; {request.TaskType} is not among what it does.");
        var yaml = new JsonObject { ["model_name_or_path"] = model, ["stage"] = "sft", ["do_train"] = true };
        foreach (var (name, value) in Method(request))
            yaml[name] = value?.DeepClone();
        if (request.Quantization is { LoadIn4Bit: true } quantization)
        {
            yaml["quantization_bit"] = 4;
            yaml["quantization_type"] = quantization.Bnb4BitQuantType;
            yaml["double_quantization"] = quantization.Bnb4BitUseDoubleQuant;
        }

        yaml["dataset_dir"] = dataset;
        yaml["dataset"] = "train";
        yaml["eval_dataset"] = "dev";
        yaml["template"] = "default";
        yaml["cutoff_len"] = arguments.MaxLength;
        yaml["output_dir"] = "saves/" + (request.Name.Length > 0 ? request.Name : request.Id);
        foreach (var (name, value) in HuggingFaceArguments.Of(arguments))
            yaml[name] = value?.DeepClone();
        if (arguments.NeftuneNoiseAlpha is { } noise)
            yaml["neftune_noise_alpha"] = noise;
        if (arguments.GradientCheckpointing)
            yaml["disable_gradient_checkpointing"] = false;
        if (arguments.LoraplusLrRatio is { } ratio)
            yaml["loraplus_lr_ratio"] = ratio;
        if (!arguments.DataloaderDropLast && arguments.TrainSamplingStrategy == "sequential")
            yaml["disable_shuffling"] = true;
        return """
            # For LLaMA-Factory: llamafactory-cli train <this file>
            # It finds data by name in dataset_info.json of dataset_dir. Put this there:
            #   {"train": {"file_name": "train.jsonl"}, "dev": {"file_name": "dev.jsonl"}}
            # 'template' names one of its prompt formats: choose the one that your base was made with.
            # It divides the loss of accumulated batches and orders data in its own way, so losses differ in the last digits.

            """ + YamlText.Write(yaml);
    }

    private static JsonObject Method(RunRequest request)
    {
        var peft = request.Peft;
        switch (peft["peft_type"]?.ToString())
        {
            case "LORA":
                return new JsonObject
                {
                    ["finetuning_type"] = "lora",
                    ["lora_rank"] = peft["r"]?.DeepClone() ?? 8,
                    ["lora_alpha"] = peft["lora_alpha"]?.DeepClone() ?? 8,
                    ["lora_dropout"] = peft["lora_dropout"]?.DeepClone() ?? 0,
                    ["lora_target"] = Targets(peft["target_modules"]),
                    ["use_dora"] = peft["use_dora"]?.DeepClone() ?? false,
                    ["use_rslora"] = peft["use_rslora"]?.DeepClone() ?? false,
                    ["pissa_init"] = peft["init_lora_weights"]?.ToString() == "pissa",
                };
            case "FULL":
                return new JsonObject { ["finetuning_type"] = "full" };
            case "OFT":
                return new JsonObject
                {
                    ["finetuning_type"] = "oft", ["oft_block_size"] = peft["oft_block_size"]?.DeepClone() ?? 32, ["oft_target"] = Targets(peft["target_modules"]),
                };
            default:
                throw new PeftException($"LLaMA-Factory has no {peft["peft_type"]}; it knows LORA, OFT and FULL. Export a recipe for HF PEFT instead.");
        }
    }

    private static string Targets(JsonNode? modules) => modules switch
    {
        JsonArray list => string.Join(",", list.Select(item => item?.ToString())),
        null => "all",
        _ => modules.ToString() == "all-linear" ? "all" : modules.ToString(),
    };
}
