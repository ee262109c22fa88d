using Workbench.Server.Catalogue;
using Workbench.Server.Datasets;
using Workbench.Server.Hosting;
using Workbench.Server.Methods;
using Workbench.Server.Models;
using Workbench.Server.Planning;
using Workbench.Server.Playground;
using Workbench.Server.Pretraining;
using Workbench.Server.Projects;
using Workbench.Server.Runs;
using Workbench.Server.Storage;

var builder = HostingExtensions.CreateBuilder(args).AddWorkbenchHosting();
builder.Services.AddStorage();
builder.Services.AddDatasets().AddModels().AddCatalogue();
builder.Services.AddPlanning().AddProjects().AddPlayground().AddPretraining();
builder.Services.AddRuns();

var app = builder.Build().UseWorkbenchHosting();
app.MapRunFeatures();
app.MapDatasets().MapRecords().MapModels().MapCatalogue();
app.MapMethods().MapPlanning().MapProjects().MapPlayground().MapPretraining();
app.MapFallbackToFile("index.html");
return await app.RunWorkbenchAsync();
