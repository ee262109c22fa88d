using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace Workbench.Server.Hosting;

/// <summary>
/// A page of another site that is open in the same browser can reach loopback, too. API and hubs therefore refuse requests whose Origin is
/// not the host they were sent to; the Host itself is limited by <c>AllowedHosts</c>, which defeats DNS rebinding. Programs send no Origin.
/// </summary>
internal sealed class OriginCheck(RequestDelegate next, IOptions<WorkbenchOptions> options)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var path = context.Request.Path;
        var guarded = path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase) || path.StartsWithSegments("/hubs", StringComparison.OrdinalIgnoreCase);
        if (guarded && context.Request.Headers.Origin is [{ Length: > 0 } origin, ..] && !IsAllowed(origin, context.Request))
        {
            await Results.Problem(new ProblemDetails
            {
                Status = StatusCodes.Status403Forbidden,
                Title = "Another origin",
                Detail = $"Requests from pages of {origin} are refused. Open the workbench at {context.Request.Scheme}://{context.Request.Host}, "
                    + "or add the origin's host name to Workbench:AllowedOrigins.",
            }).ExecuteAsync(context);
            return;
        }

        await next(context);
    }

    private bool IsAllowed(string origin, HttpRequest request) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri)
        && (string.Equals(uri.Authority, request.Host.Value, StringComparison.OrdinalIgnoreCase)
            || options.Value.AllowedOrigins.Contains(uri.Host, StringComparer.OrdinalIgnoreCase));
}
