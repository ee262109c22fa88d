using System.Reflection;
using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace Workbench.Client.Services;

/// <summary>An entry of the rail. <c>Name</c> is a key of the shared texts, <c>Key</c> the letter after <c>g</c>.</summary>
public sealed record Place(string Name, string Path, string Key, string Icon);

/// <summary>Where one can go. An entry is there when its page is.</summary>
public static class Places
{
    private static readonly Place[] s_planned =
    [
        new("home", "/", "h", Icons.Material.Outlined.Home),
        new("data", "/datasets", "d", Icons.Material.Outlined.Dataset),
        new("models", "/models", "m", Icons.Material.Outlined.Memory),
        new("runs", "/runs", "r", Icons.Material.Outlined.Timeline),
        new("compare", "/compare", "c", Icons.Material.Outlined.CompareArrows),
        new("adapters", "/adapters", "a", Icons.Material.Outlined.Extension),
        new("playground", "/playground", "p", Icons.Material.Outlined.Forum),
        new("learn", "/learn", "l", Icons.Material.Outlined.School),
    ];

    public static IReadOnlyList<Place> All { get; } = Existing();

    /// <summary>The place an address belongs to.</summary>
    public static Place? Of(string relativeAddress)
    {
        var first = "/" + relativeAddress.Split('?', '#')[0].Trim('/').Split('/')[0];
        return All.FirstOrDefault(place => place.Path == first);
    }

    private static Place[] Existing()
    {
        var routes = typeof(Places).Assembly.GetTypes().SelectMany(type => type.GetCustomAttributes<RouteAttribute>()).Select(route => route.Template).ToHashSet();
        return [.. s_planned.Where(place => routes.Contains(place.Path))];
    }
}
