using Workbench.Server.Adapters;
using Workbench.Server.Annotation;
using Workbench.Server.Catalogue;
using Workbench.Server.Datasets;
using Workbench.Server.Hosting;
using Workbench.Server.Methods;
using Workbench.Server.Models;
using Workbench.Server.Planning;
using Workbench.Server.Playground;
using Workbench.Server.Projects;
using Workbench.Server.Runs;
using Workbench.Server.Storage;

var builder = HostingExtensions.CreateBuilder(args).AddWorkbenchHosting();
builder.Services.AddStorage();
builder.Services.AddDatasets().AddAnnotation();
builder.Services.AddModels().AddCatalogue();
builder.Services.AddMethods().AddAdapters();
builder.Services.AddPlanning().AddProjects().AddPlayground();
builder.Services.AddRuns();

var app = builder.Build().UseWorkbenchHosting();
app.MapRunFeatures();
app.MapDatasets().MapRecords().MapAnnotation();
app.MapModels().MapCatalogue();
app.MapMethods().MapLessons().MapAdapters();
app.MapPlanning().MapProjects().MapPlayground();
app.MapFallbackToFile("index.html");
return await app.RunWorkbenchAsync();
