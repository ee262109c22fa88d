using Workbench.Client.Contracts;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Annotation;

/// <summary>The parts of annotation that the page itself asks for; records and operations are the script's.</summary>
public sealed class AnnotationApi(ApiClient client)
{
    public static string Base(string dataset) => $"{Routes.Datasets}/{Uri.EscapeDataString(dataset)}/{Routes.Annotation}";

    public static string ExportUrl(string dataset) => $"{Base(dataset).TrimStart('/')}/export";

    public Task<AnnotationSchemaState> SchemaAsync(string dataset) => client.GetAsync<AnnotationSchemaState>($"{Base(dataset)}/schema");

    public Task<AnnotationSchemaState> SaveSchemaAsync(string dataset, SaveAnnotationSchema save) =>
        client.SendAsync<AnnotationSchemaState>(HttpMethod.Put, $"{Base(dataset)}/schema", save);
}
