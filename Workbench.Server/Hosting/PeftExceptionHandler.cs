using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using Peft.Core;

namespace Workbench.Server.Hosting;

/// <summary>A foreseen failure of the engine becomes an answer that a person can act on; it names file, line and what to do.</summary>
internal sealed class PeftExceptionHandler(IProblemDetailsService problems) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is not PeftException)
            return false;
        httpContext.Response.StatusCode = StatusCodes.Status422UnprocessableEntity;
        return await problems.TryWriteAsync(new ProblemDetailsContext
        {
            HttpContext = httpContext,
            ProblemDetails = new ProblemDetails { Status = StatusCodes.Status422UnprocessableEntity, Title = "This cannot be done", Detail = exception.Message },
        });
    }
}
