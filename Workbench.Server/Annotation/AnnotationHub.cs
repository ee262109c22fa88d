using System.Collections.Concurrent;
using Microsoft.AspNetCore.SignalR;
using Workbench.Client.Contracts;

namespace Workbench.Server.Annotation;

/// <summary>Who annotates which dataset, and where they are.</summary>
internal sealed class Annotators
{
    private readonly ConcurrentDictionary<string, (string Dataset, AnnotatorDto Annotator)> _here = new(StringComparer.Ordinal);

    public void Set(string connection, string dataset, string name, string? record) => _here[connection] = (dataset, new AnnotatorDto(connection, name, record));

    /// <summary>The dataset they were in; null when they were in none.</summary>
    public string? Remove(string connection) => _here.TryRemove(connection, out var place) ? place.Dataset : null;

    public IReadOnlyList<AnnotatorDto> In(string dataset) =>
        [.. _here.Values.Where(place => place.Dataset == dataset).Select(place => place.Annotator).OrderBy(annotator => annotator.Name, StringComparer.CurrentCulture).ThenBy(annotator => annotator.Connection, StringComparer.Ordinal)];
}

/// <summary>The live wire of annotation: who is here, and what others do. Operations themselves come over HTTP, which answers them.</summary>
internal sealed class AnnotationHub(Annotators annotators) : Hub<IAnnotationClient>, IAnnotationHub
{
    private const int LongestName = 60;

    public async Task Look(string datasetId, string name, string? record)
    {
        ArgumentNullException.ThrowIfNull(datasetId);
        ArgumentNullException.ThrowIfNull(name);
        await Groups.AddToGroupAsync(Context.ConnectionId, datasetId);
        var shown = name.Trim();
        annotators.Set(Context.ConnectionId, datasetId, shown.Length > LongestName ? shown[..LongestName] : shown, record);
        await Clients.Group(datasetId).AnnotatorsChanged(annotators.In(datasetId));
    }

    public override async Task OnDisconnectedAsync(Exception? exception)
    {
        if (annotators.Remove(Context.ConnectionId) is { } dataset)
            await Clients.Group(dataset).AnnotatorsChanged(annotators.In(dataset));
        await base.OnDisconnectedAsync(exception);
    }
}
