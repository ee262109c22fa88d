using Microsoft.AspNetCore.Components.WebAssembly.Hosting;
using Workbench.Client;
using Workbench.Client.Services;

var builder = WebAssemblyHostBuilder.CreateDefault(args);
builder.RootComponents.Add<App>("#app");
builder.Services.AddScoped(_ => new HttpClient { BaseAddress = new Uri(builder.HostEnvironment.BaseAddress) });
builder.Services.AddWorkbenchClient();
await builder.Build().RunAsync();
