namespace Workbench.Client.Contracts;

/// <summary>Addresses of the web API, written once for server and client.</summary>
public static class Routes
{
    public const string Projects = "/api/projects";
    public const string Datasets = "/api/datasets";
    /// <summary>Behind the address of a dataset.</summary>
    public const string Annotation = "annotation";
    public const string Models = "/api/models";
    public const string ModelPlans = "/api/models/plan";
    public const string ModelJobs = "/api/models/jobs";
    public const string LocalModels = "/api/models/local";
    public const string Hub = "/api/models/hub";
    public const string Catalogue = "/api/catalogue";
    public const string Methods = "/api/methods";
    public const string Adapters = "/api/adapters";
    public const string Lessons = "/api/lessons";
    public const string Runs = "/api/runs";
    public const string Pretraining = "/api/pretraining";
    public const string RateSearches = "/api/rate-searches";
    public const string Comparisons = "/api/comparisons";
    public const string System = "/api/system";
    public const string Health = "/health";
    public const string RunsHub = "/hubs/runs";
    public const string AnnotationHub = "/hubs/annotation";
    public const string PlaygroundHub = "/hubs/playground";
}
