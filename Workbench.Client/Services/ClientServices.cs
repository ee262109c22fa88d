using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Localization;
using MudBlazor;
using MudBlazor.Services;
using Workbench.Client.Features.Runs;

namespace Workbench.Client.Services;

/// <summary>Everything the pages ask for, but the HTTP client, which the host brings.</summary>
public static class ClientServices
{
    public static IServiceCollection AddWorkbenchClient(this IServiceCollection services)
    {
        services.AddLocalization();
        services.AddMudServices(options =>
        {
            options.SnackbarConfiguration.PositionClass = Defaults.Classes.Position.BottomCenter;
            options.SnackbarConfiguration.SnackbarVariant = Variant.Outlined;
            options.SnackbarConfiguration.VisibleStateDuration = 8000;
            options.SnackbarConfiguration.ShowTransitionDuration = 100;
            options.SnackbarConfiguration.HideTransitionDuration = 100;
            options.SnackbarConfiguration.PreventDuplicates = false;
        });
        services.AddScoped<UserSettings>();
        services.AddScoped<Keyboard>();
        services.AddScoped<PageTrail>();
        services.AddScoped<Drafts>();
        services.AddScoped<Format>();
        services.AddScoped<ServerTexts>();
        services.AddScoped<ApiClient>();
        services.AddScoped<Features.Datasets.DatasetsApi>();
        services.AddScoped<Features.Datasets.DatasetDeletes>();
        services.AddScoped<Features.Annotation.AnnotationApi>();
        services.AddScoped<Features.Models.ModelsApi>();
        services.AddScoped<Features.Models.ModelJobs>();
        services.AddScoped<Features.Models.ModelRemovals>();
        services.AddScoped<Features.Models.ModelUploads>();
        services.AddScoped<Features.Adapters.AdaptersApi>();
        services.AddScoped<Features.Adapters.AdapterJobs>();
        services.AddScoped<Features.Pretraining.PretrainApi>();
        return services.AddRunPages();
    }
}
