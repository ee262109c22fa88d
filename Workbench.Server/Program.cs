using Workbench.Server.Datasets;
using Workbench.Server.Hosting;
using Workbench.Server.Methods;
using Workbench.Server.Models;
using Workbench.Server.Planning;
using Workbench.Server.Runs;
using Workbench.Server.Storage;

var builder = HostingExtensions.CreateBuilder(args).AddWorkbenchHosting();
builder.Services.AddStorage();
builder.Services.AddRuns();
builder.Services.AddDatasets().AddModels();
builder.Services.AddPlanning();

var app = builder.Build().UseWorkbenchHosting();
app.MapRunFeatures();
app.MapDatasets().MapRecords().MapModels();
app.MapMethods();
app.MapPlanning();
app.MapFallbackToFile("index.html");
return await app.RunWorkbenchAsync();
