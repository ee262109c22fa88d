using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Data;
using Peft.Core.Runs;

namespace Peft.Core.Recipes;

/// <summary>
/// A run as a file that a person reads and changes: everything that decides its result, and the hash of the data it was made with.
/// <c>peft train recipe.yaml</c> repeats it.
/// </summary>
public static class Recipe
{
    private const int Version = 1;
    private const string VersionField = "recipe_version";
    private const string HashField = "data_hash";

    private static readonly string[] s_left = ["schema_version", "id", "kind", "created_at", "created_by", "pretraining"];

    /// <summary>The recipe of a run.</summary>
    /// <param name="paths">Its directory, against which its paths are resolved.</param>
    /// <exception cref="PeftException">The directory holds no run that trains an adapter.</exception>
    public static string Of(RunPaths paths)
    {
        var request = RunDirectory.ReadRequest(paths);
        if (request.Kind != RunKind.Finetune)
            throw new PeftException("Only runs that train an adapter can be exported as a recipe; this one makes a base.");
        var json = JsonSerializer.SerializeToNode(request, RunRequest.Json)!.AsObject();
        foreach (var field in s_left)
            json.Remove(field);
        var recipe = new JsonObject { [VersionField] = Version };
        foreach (var (name, value) in json)
            recipe[name] = value?.DeepClone();
        recipe["base_model"] = RunDirectory.Resolve(paths, request.BaseModel);
        recipe["dataset"] = RunDirectory.Resolve(paths, request.Dataset);
        if (DataHash(RunDirectory.Resolve(paths, request.Dataset)) is { } hash)
            recipe[HashField] = hash;
        return "# A run of PEFT Workbench. 'peft train <this file>' repeats it; --base and --data take other places.\n" + YamlText.Write(recipe);
    }

    /// <summary>Reads a recipe as an order with a new id.</summary>
    /// <param name="file">The file; relative paths inside are looked for beside it, then from the working directory.</param>
    /// <param name="hash">The hash of the data it was made with; null where it does not say.</param>
    /// <exception cref="PeftException">The file is missing or cannot be read; field and place are named.</exception>
    public static RunRequest Read(string file, out string? hash)
    {
        if (!File.Exists(file))
            throw new PeftException($"{file}: there is no such recipe.");
        var json = YamlText.Read(File.ReadAllText(file), file);
        if (json[VersionField] is JsonValue version && version.TryGetValue<long>(out var number) && number > Version)
            throw new PeftException($"{file}: {VersionField} {number} is newer than this program understands ({Version}). Update PEFT Workbench.");
        hash = json[HashField]?.ToString();
        json.Remove(VersionField);
        json.Remove(HashField);
        foreach (var field in s_left)
            json.Remove(field);
        json["id"] = Ulid.NewUlid().ToString();
        foreach (var field in new[] { "base_model", "dataset" })
        {
            if (json[field]?.ToString() is { Length: > 0 } path)
                json[field] = Place(file, path);
        }

        try
        {
            return json.Deserialize<RunRequest>(RunRequest.Json)!;
        }
        catch (JsonException e)
        {
            throw new PeftException($"{file}: {e.Message}", e);
        }
    }

    /// <summary>Hash of a dataset's contents as its manifest says; null where it has none.</summary>
    public static string? DataHash(string dataset) => File.Exists(Path.Combine(dataset, DatasetSnapshot.ManifestFile)) ? DatasetSnapshot.Open(dataset).Manifest?.Hash : null;

    private static string Place(string file, string path)
    {
        if (Path.IsPathRooted(path))
            return path;
        var beside = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, path));
        return Path.Exists(beside) ? beside : Path.GetFullPath(path);
    }
}
