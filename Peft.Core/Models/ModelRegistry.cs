using Peft.Core.Models.Decoders;
using Peft.Core.Models.EncoderDecoders;
using Peft.Core.Models.Encoders;

namespace Peft.Core.Models;

/// <summary>How one architecture is read.</summary>
/// <param name="ModelType">The <c>model_type</c> of its config files.</param>
/// <param name="ReadConfig">Makes the config record.</param>
/// <param name="Create">Makes the model from config and weights.</param>
/// <param name="Tasks">What it can be used for, the usual one first.</param>
public sealed record ModelDescriptor(
    string ModelType,
    Func<ConfigReader, ModelConfig> ReadConfig,
    Func<ModelConfig, WeightSource, BaseModel> Create,
    IReadOnlyList<ModelTask> Tasks)
{
    /// <summary>What a decoder can be used for.</summary>
    internal static IReadOnlyList<ModelTask> DecoderTasks { get; } = [ModelTask.CausalLm, ModelTask.SeqCls, ModelTask.TokenCls, ModelTask.FeatureExtraction];

    /// <summary>What an encoder can be used for.</summary>
    internal static IReadOnlyList<ModelTask> EncoderTasks { get; } =
        [ModelTask.FeatureExtraction, ModelTask.SeqCls, ModelTask.TokenCls, ModelTask.QuestionAns, ModelTask.MaskedLm];

    /// <summary>An encoder-decoder.</summary>
    internal static ModelDescriptor EncoderDecoder<TConfig>(string modelType, Func<ConfigReader, TConfig> read, Func<TConfig, WeightSource, EncoderDecoderModel> create)
        where TConfig : ModelConfig => new(modelType, read, (config, weights) => create((TConfig)config, weights), [ModelTask.Seq2SeqLm]);

    /// <summary>An encoder.</summary>
    internal static ModelDescriptor Encoder<TConfig>(string modelType, Func<ConfigReader, TConfig> read, Func<TConfig, WeightSource, EncoderModel> create)
        where TConfig : ModelConfig => new(modelType, read, (config, weights) => create((TConfig)config, weights), EncoderTasks);

    /// <summary>A decoder.</summary>
    internal static ModelDescriptor Decoder<TConfig>(string modelType, Func<ConfigReader, TConfig> read, Func<TConfig, WeightSource, CausalLanguageModel> create)
        where TConfig : ModelConfig => new(modelType, read, (config, weights) => create((TConfig)config, weights), DecoderTasks);
}

/// <summary>The architectures that can be loaded. A new one adds a file under <c>Models/</c> and one line here.</summary>
public static class ModelRegistry
{
    private static readonly Dictionary<string, ModelDescriptor> s_descriptors = new ModelDescriptor[]
    {
        ModelDescriptor.Encoder("albert", AlbertConfig.Read, (config, weights) => new Albert(config, weights)),
        ModelDescriptor.Decoder("baichuan", PackedLlamaConfig.ReadBaichuan, (config, weights) => new PackedLlama(config, weights)),
        ModelDescriptor.EncoderDecoder("bart", BartConfig.Read, (config, weights) => new Bart(config, weights)),
        ModelDescriptor.Encoder("bert", BertConfig.Read, (config, weights) => new Bert(config, weights)),
        ModelDescriptor.Decoder("bloom", BloomConfig.Read, (config, weights) => new Bloom(config, weights)),
        new("chatglm", ReadChatGlm, CreateChatGlm, ModelDescriptor.DecoderTasks),
        ModelDescriptor.Decoder("codegen", CodeGenConfig.Read, (config, weights) => new CodeGen(config, weights)),
        ModelDescriptor.Decoder("cpm_bee", CpmBeeConfig.Read, (config, weights) => new CpmBee(config, weights)),
        ModelDescriptor.Decoder("cpmbee", CpmBeeConfig.ReadHub, (config, weights) => new CpmBee(config, weights)),
        ModelDescriptor.Decoder("cpmant", CpmAntConfig.Read, (config, weights) => new CpmAnt(config, weights)),
        ModelDescriptor.Decoder("deepseek_v2", DeepSeekV2Config.Read, (config, weights) => new DeepSeekV2(config, weights)),
        ModelDescriptor.Encoder("distilbert", DistilBertConfig.Read, (config, weights) => new DistilBert(config, weights)),
        ModelDescriptor.Encoder("electra", BertConfig.ReadElectra, (config, weights) => new Bert(config, weights)),
        ModelDescriptor.Decoder("ernie4_5", LlamaFamily.Ernie, (config, weights) => new Llama(config, weights)),
        ModelDescriptor.Decoder("falcon", FalconConfig.Read, (config, weights) => new Falcon(config, weights)),
        ModelDescriptor.Decoder("gemma", GemmaConfig.Read, (config, weights) => new Gemma(config, weights)),
        ModelDescriptor.Decoder("gemma2", GemmaConfig.Read2, (config, weights) => new Gemma(config, weights)),
        ModelDescriptor.Decoder("gemma3_text", GemmaConfig.Read3, (config, weights) => new Gemma(config, weights)),
        ModelDescriptor.Decoder("glm", FusedLlamaConfig.ReadGlm, (config, weights) => new FusedLlama(config, weights)),
        ModelDescriptor.Decoder("glm4", FusedLlamaConfig.ReadGlm4, (config, weights) => new FusedLlama(config, weights)),
        ModelDescriptor.Decoder("glm-130b", PrefixGlmConfig.Read130B, (config, weights) => new PrefixGlm(config, weights)),
        ModelDescriptor.Decoder("gpt2", Gpt2Config.Read, (config, weights) => new Gpt2(config, weights)),
        ModelDescriptor.Decoder("gpt3", Gpt2Config.ReadGpt3, (config, weights) => new Gpt2(config, weights)),
        ModelDescriptor.Decoder("gpt_bigcode", GptBigCodeConfig.Read, (config, weights) => new GptBigCode(config, weights)),
        ModelDescriptor.Decoder("gpt_neox", GptNeoXConfig.Read, (config, weights) => new GptNeoX(config, weights)),
        ModelDescriptor.Decoder("gptj", GptJConfig.Read, (config, weights) => new GptJ(config, weights)),
        ModelDescriptor.Decoder("granite", LlamaFamily.Granite, (config, weights) => new Llama(config, weights)),
        ModelDescriptor.Decoder("hunyuan_v1_dense", LlamaFamily.Hunyuan, (config, weights) => new Llama(config, weights)),
        ModelDescriptor.Decoder("internlm2", PackedLlamaConfig.ReadInternLm2, (config, weights) => new PackedLlama(config, weights)),
        ModelDescriptor.Decoder("llama", LlamaFamily.Llama, (config, weights) => new Llama(config, weights)),
        ModelDescriptor.Decoder("mistral", LlamaFamily.Mistral, (config, weights) => new Llama(config, weights)),
        ModelDescriptor.Decoder("mixtral", LlamaFamily.Mixtral, (config, weights) => new Llama(config, weights)),
        ModelDescriptor.Decoder("moss", CodeGenConfig.ReadMoss, (config, weights) => new CodeGen(config, weights)),
        ModelDescriptor.Decoder("mpt", MptConfig.Read, (config, weights) => new Mpt(config, weights)),
        ModelDescriptor.EncoderDecoder("mt5", T5Config.ReadMultilingual, (config, weights) => new T5(config, weights)),
        ModelDescriptor.Decoder("olmo2", Olmo2Config.Read, (config, weights) => new Olmo2(config, weights)),
        ModelDescriptor.Decoder("opt", OptConfig.Read, (config, weights) => new Opt(config, weights)),
        ModelDescriptor.Decoder("palm", PalmConfig.Read, (config, weights) => new Palm(config, weights)),
        ModelDescriptor.Decoder("phi", PhiConfig.Read, (config, weights) => new Phi(config, weights)),
        ModelDescriptor.Decoder("phi3", FusedLlamaConfig.ReadPhi3, (config, weights) => new FusedLlama(config, weights)),
        ModelDescriptor.Decoder("qwen", PackedLlamaConfig.ReadQwen, (config, weights) => new PackedLlama(config, weights)),
        ModelDescriptor.Decoder("qwen2", LlamaFamily.Qwen2, (config, weights) => new Llama(config, weights)),
        ModelDescriptor.Decoder("qwen3", LlamaFamily.Qwen3, (config, weights) => new Llama(config, weights)),
        ModelDescriptor.Encoder("roberta", BertConfig.ReadRoberta, (config, weights) => new Bert(config, weights)),
        ModelDescriptor.Decoder("smollm3", LlamaFamily.SmolLm3, (config, weights) => new Llama(config, weights)),
        ModelDescriptor.Decoder("stablelm", StableLmConfig.Read, (config, weights) => new StableLm(config, weights)),
        ModelDescriptor.Decoder("starcoder2", StarCoder2Config.Read, (config, weights) => new StarCoder2(config, weights)),
        ModelDescriptor.EncoderDecoder("t5", T5Config.Read, (config, weights) => new T5(config, weights)),
        ModelDescriptor.Encoder("xlm-roberta", BertConfig.ReadXlmRoberta, (config, weights) => new Bert(config, weights)),
    }.ToDictionary(d => d.ModelType, StringComparer.Ordinal);

    /// <summary>Every architecture.</summary>
    public static IReadOnlyCollection<ModelDescriptor> All => s_descriptors.Values;

    /// <summary>The descriptor of an architecture.</summary>
    /// <exception cref="PeftException">Unknown architecture; names it and the known ones.</exception>
    public static ModelDescriptor Find(string modelType) => s_descriptors.TryGetValue(modelType, out var descriptor)
        ? descriptor
        : throw Unknown("", modelType);

    /// <summary>The descriptor of the architecture that a config names.</summary>
    /// <exception cref="PeftException">No or an unknown architecture.</exception>
    public static ModelDescriptor Find(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var modelType = reader.String("model_type")
            ?? throw new PeftException($"{reader.Path}: field 'model_type' is missing, so the architecture is unknown.");
        return s_descriptors.TryGetValue(modelType, out var descriptor) ? descriptor : throw Unknown(reader.Path + ": ", modelType);
    }

    /// <summary>ChatGLM changed its architecture but not its name: the first version names an inner_hidden_size.</summary>
    private static ModelConfig ReadChatGlm(ConfigReader reader) =>
        reader.Has("inner_hidden_size") || reader.Has("position_encoding_2d") ? PrefixGlmConfig.Read(reader) : ChatGlmConfig.Read(reader);

    private static BaseModel CreateChatGlm(ModelConfig config, WeightSource weights) =>
        config is PrefixGlmConfig first ? new PrefixGlm(first, weights) : new ChatGlm((ChatGlmConfig)config, weights);

    private static PeftException Unknown(string where, string modelType) =>
        new($"{where}architecture '{modelType}' is not supported. Supported: {string.Join(", ", s_descriptors.Keys.Order(StringComparer.Ordinal))}.");
}
