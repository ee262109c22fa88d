using System.Reflection;
using Microsoft.AspNetCore.Http.HttpResults;
using Peft.Core.Runtime;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Planning;

namespace Workbench.Server.Projects;

internal static class SystemEndpoint
{
    public static IEndpointRouteBuilder MapSystem(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(Routes.System, Describe).WithName("GetSystem").WithTags("System").WithSummary("This machine: processor, memory, disk, devices");
        return routes;
    }

    private static Ok<SystemInfo> Describe(Machine machine, DataDirectory data) => TypedResults.Ok(new SystemInfo(
        typeof(SystemEndpoint).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "",
        Machine.Cpu(),
        Environment.ProcessorCount,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        new DriveInfo(data.Root).AvailableFreeSpace,
        TorchRuntime.CpuBFloat16IsFast,
        machine.Devices(),
        data.Root));
}
