using Workbench.Server.Hosting;
using Workbench.Server.Jobs;
using Workbench.Server.Methods;
using Workbench.Server.Storage;

var builder = HostingExtensions.CreateBuilder(args).AddWorkbenchHosting();
builder.Services.AddStorage();
builder.Services.AddSingleton<WorkerLocator>();

var app = builder.Build().UseWorkbenchHosting();
app.MapMethods();
app.MapFallbackToFile("index.html");
return await app.RunWorkbenchAsync();
