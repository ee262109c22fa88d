using System.Text.Json.Serialization;
using Microsoft.Extensions.Options;
using Scalar.AspNetCore;
using Serilog;
using Serilog.Events;
using Serilog.Formatting.Compact;

namespace Workbench.Server.Hosting;

internal static class HostingExtensions
{
    /// <summary>A builder that finds its settings wherever it is started from: appsettings.json of the installation, environment, command line.</summary>
    public static WebApplicationBuilder CreateBuilder(string[] args)
    {
        // Settings are read once. Watching the file would watch the whole checkout below it, every build output included, and cost an idle server.
        string[] withoutWatching = ["--hostBuilder:reloadConfigOnChange=false", .. args];
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = withoutWatching, ContentRootPath = Installation.Root });
        // The host reads ASPNETCORE_URLS before appsettings.json, so the file would win; a person who sets the variable means it.
        builder.Configuration.AddEnvironmentVariables("ASPNETCORE_").AddEnvironmentVariables().AddCommandLine(args);
        builder.WebHost.UseStaticWebAssets();
        return builder;
    }

    public static WebApplicationBuilder AddWorkbenchHosting(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<WorkbenchOptions>().BindConfiguration(WorkbenchOptions.Section).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<WorkbenchOptions>, WorkbenchOptionsValidator>();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(provider => LocateData(provider.GetRequiredService<IOptions<WorkbenchOptions>>().Value.DataDirectory));
        // Not through the options: logging is built before they are checked, and must not be what fails on a bad setting.
        builder.Services.AddSerilog((_, logger) =>
            ConfigureLogging(logger, builder.Configuration, LocateData(builder.Configuration[$"{WorkbenchOptions.Section}:{nameof(WorkbenchOptions.DataDirectory)}"] ?? "data")));
        builder.Services.AddProblemDetails();
        builder.Services.AddExceptionHandler<PeftExceptionHandler>();
        builder.Services.AddOpenApi();
        builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.Converters.Add(new JsonStringEnumConverter()));
        builder.Services.AddSignalR(hub => hub.MaximumReceiveMessageSize = 256 * 1024)
            .AddJsonProtocol(json => json.PayloadSerializerOptions.Converters.Add(new JsonStringEnumConverter()));
        return builder;
    }

    public static WebApplication UseWorkbenchHosting(this WebApplication app)
    {
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseMiddleware<OriginCheck>();
        app.MapOpenApi();
        app.MapScalarApiReference("/scalar");
        app.MapHealth();
        // Without this an address that does not exist would answer with the page.
        app.Map("/api/{**rest}", () => TypedResults.Problem("There is nothing at this address. See /scalar for what there is.", statusCode: StatusCodes.Status404NotFound))
            .ExcludeFromDescription();
        app.MapStaticAssets();
        return app;
    }

    private static DataDirectory LocateData(string setting) => new(Path.GetFullPath(Path.Combine(Installation.Root, setting)));

    private static void ConfigureLogging(LoggerConfiguration logger, ConfigurationManager settings, DataDirectory data)
    {
        foreach (var level in settings.GetSection("Logging:LogLevel").GetChildren())
        {
            if (!Enum.TryParse<LogLevel>(level.Value, ignoreCase: true, out var wanted))
                continue;
            if (level.Key == "Default")
                logger.MinimumLevel.Is(ToSerilog(wanted));
            else
                logger.MinimumLevel.Override(level.Key, ToSerilog(wanted));
        }

        logger.Enrich.FromLogContext()
            .WriteTo.Console(outputTemplate: "{Timestamp:HH:mm:ss} {Level:u3} {Message:lj}{NewLine}{Exception}", formatProvider: System.Globalization.CultureInfo.InvariantCulture)
            .WriteTo.File(new CompactJsonFormatter(), Path.Combine(data.Logs, "server-.jsonl"), rollingInterval: RollingInterval.Day,
                retainedFileCountLimit: 14, fileSizeLimitBytes: 64 * 1024 * 1024, rollOnFileSizeLimit: true, shared: true);
    }

    private static LogEventLevel ToSerilog(LogLevel level) => level switch
    {
        LogLevel.Trace => LogEventLevel.Verbose,
        LogLevel.Debug => LogEventLevel.Debug,
        LogLevel.Information => LogEventLevel.Information,
        LogLevel.Warning => LogEventLevel.Warning,
        LogLevel.Error => LogEventLevel.Error,
        _ => LogEventLevel.Fatal,
    };
}
