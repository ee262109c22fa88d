using System.Reflection;
using NetArchTest.Rules;

namespace Architecture.Tests;

/// <summary>The allowed arrows: Server → Client and Peft.Core; Client and Peft.Core → nothing of ours.</summary>
public sealed class ArrowTests
{
    private static readonly Assembly s_core = typeof(Peft.Core.PeftException).Assembly;
    private static readonly Assembly s_client = typeof(Workbench.Client.Contracts.Routes).Assembly;
    private static readonly Assembly s_server = Assembly.Load("Workbench.Server");

    [Fact]
    public void Core_DependsOn_NothingOfOurs() => AssertNoneAnywhere(s_core, "Workbench.Client", "Workbench.Server", "Peft.Cli", "Microsoft.AspNetCore");

    [Fact]
    public void Client_DependsOn_NothingOfOurs() => AssertNoneAnywhere(s_client, "Peft", "Workbench.Server", "TorchSharp");

    [Fact]
    public void Server_References_NoTensorLibraryAndNoWorker()
    {
        var references = s_server.GetReferencedAssemblies().Select(name => name.Name).ToArray();

        Assert.DoesNotContain("TorchSharp", references);
        Assert.DoesNotContain("peft", references);
    }

    [Fact]
    public void ServerOutput_Holds_NoNativeTensorLibrary()
    {
        var deps = Path.Combine(AppContext.BaseDirectory, "Architecture.Tests.deps.json");

        Assert.DoesNotContain("libtorch-cpu", File.ReadAllText(deps), StringComparison.Ordinal);
    }

    [Fact]
    public void Models_Know_NoMethodAndNoTraining() =>
        AssertNone(s_core, from: "Peft.Core.Models", "Peft.Core.Methods", "Peft.Core.Training", "Peft.Core.Data", "Peft.Core.Evaluation");

    [Fact]
    public void Methods_Know_NoTrainingAndNoData() =>
        AssertNone(s_core, from: "Peft.Core.Methods", "Peft.Core.Training", "Peft.Core.Data", "Peft.Core.Evaluation", "Peft.Core.Runs");

    [Fact]
    public void Serialization_Knows_NoTraining() =>
        AssertNone(s_core, from: "Peft.Core.Serialization", "Peft.Core.Training", "Peft.Core.Data");

    [Fact]
    public void MethodFolders_Import_NoOtherMethodFolder()
    {
        var folders = s_core.GetTypes()
            .Select(type => type.Namespace ?? "")
            .Where(space => space.StartsWith("Peft.Core.Methods.", StringComparison.Ordinal))
            .Distinct()
            .ToArray();

        Assert.NotEmpty(folders);
        foreach (var folder in folders)
            AssertNone(s_core, from: folder, [.. folders.Where(other => other != folder)]);
    }

    // Records and annotations live in working files of their own, beside the main database.
    [Fact]
    public void ServerFeatures_Reach_TheDatabaseDriverOnlyInStorageDatasetsAndAnnotation()
    {
        var offenders = Types.InAssembly(s_server).That()
            .DoNotResideInNamespace("Workbench.Server.Storage").And().DoNotResideInNamespace("Workbench.Server.Datasets")
            .And().DoNotResideInNamespace("Workbench.Server.Annotation")
            .And().ResideInNamespace("Workbench.Server")
            .Should().NotHaveDependencyOn("Microsoft.Data.Sqlite").GetResult();

        Assert.True(offenders.IsSuccessful, string.Join(", ", offenders.FailingTypeNames ?? []));
    }

    // Of another name than the one below: the compiler would take the first forbidden name for the place to look in.
    private static void AssertNoneAnywhere(Assembly assembly, params string[] forbidden) => AssertNone(assembly, from: "", forbidden);

    private static void AssertNone(Assembly assembly, string from, params string[] forbidden)
    {
        var types = Types.InAssembly(assembly).That().ResideInNamespace(from.Length > 0 ? from : assembly.GetName().Name!);
        Assert.NotEmpty(types.GetTypes());

        var result = types.Should().NotHaveDependencyOnAny(forbidden).GetResult();

        Assert.True(result.IsSuccessful, "These reach where they must not: " + string.Join(", ", result.FailingTypeNames ?? []));
    }
}
