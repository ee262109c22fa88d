using Workbench.Server.Datasets;
using Workbench.Server.Hosting;
using Workbench.Server.Jobs;
using Workbench.Server.Methods;
using Workbench.Server.Models;
using Workbench.Server.Planning;
using Workbench.Server.Storage;

var builder = HostingExtensions.CreateBuilder(args).AddWorkbenchHosting();
builder.Services.AddStorage();
builder.Services.AddSingleton<WorkerLocator>();
builder.Services.AddDatasets().AddModels();
builder.Services.AddPlanning();

var app = builder.Build().UseWorkbenchHosting();
app.MapDatasets().MapRecords().MapModels();
app.MapMethods();
app.MapPlanning();
app.MapFallbackToFile("index.html");
return await app.RunWorkbenchAsync();
