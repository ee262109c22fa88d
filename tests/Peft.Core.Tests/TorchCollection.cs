using Peft.Core.Runtime;

namespace Peft.Core.Tests;

/// <summary>Tests that use tensors run one after another: the random generator and the number of threads belong to the whole process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class TorchCollection : ICollectionFixture<TorchFixture>
{
    public const string Name = "torch";
}

/// <summary>Loads the tensor library once.</summary>
public sealed class TorchFixture
{
    public TorchFixture() => TorchRuntime.Initialize(1);
}
