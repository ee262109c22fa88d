using Workbench.Client.Contracts;

namespace Workbench.Server.Tests.Support;

/// <summary>A server after its first start, with the sample project.</summary>
public sealed class SeededServer : IAsyncLifetime
{
    public WorkbenchFactory Factory { get; } = new();

    public HttpClient Http { get; private set; } = null!;

    public ProjectDto Project { get; private set; } = null!;

    public RunDraft Draft(string peftType) => new() { DatasetId = Project.DatasetId, ModelId = Project.ModelId, PeftType = peftType };

    public async Task InitializeAsync()
    {
        Http = Factory.CreateClient();
        Project = Assert.Single(await Http.AskAsync<IReadOnlyList<ProjectDto>>(Routes.Projects));
    }

    public async Task DisposeAsync() => await Factory.DisposeAsync();
}
