using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Workbench.Server.Storage;

namespace Workbench.Server.Hosting;

/// <summary>Starts the server so that what goes wrong is one line a person can act on, and what goes right is one line with the address.</summary>
internal static class Startup
{
    public static async Task<int> RunWorkbenchAsync(this WebApplication app)
    {
        try
        {
            if (PortInUse(app.Configuration["urls"]) is { } taken)
                return Refuse(taken);
            var data = app.Services.GetRequiredService<DataDirectory>();
            data.Prepare();
            await app.Services.PrepareStorageAsync();
            await app.StartAsync();
        }
        catch (OptionsValidationException e)
        {
            return Refuse(string.Join(Environment.NewLine, e.Failures));
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            return Refuse(TakenMessage(app.Configuration["urls"] ?? e.Message));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Refuse($"{e.Message} Choose another place with Workbench:DataDirectory (environment: Workbench__DataDirectory).");
        }

        Console.WriteLine($"PEFT Workbench is ready: {string.Join(" ", app.Urls)}");
        await app.WaitForShutdownAsync();
        return 0;
    }

    private static int Refuse(string message)
    {
        Console.Error.WriteLine(message);
        return 1;
    }

    /// <summary>Asked before anything is touched: a second start in the same folder must not disturb the first.</summary>
    private static string? PortInUse(string? urls)
    {
        foreach (var url in (urls ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!Uri.TryCreate(url.Replace("*", "0.0.0.0", StringComparison.Ordinal).Replace("+", "0.0.0.0", StringComparison.Ordinal), UriKind.Absolute, out var uri) || uri.Port == 0)
                continue;
            var address = IPAddress.TryParse(uri.DnsSafeHost, out var parsed) ? parsed : IPAddress.Loopback;
            try
            {
                using var probe = new TcpListener(address, uri.Port);
                probe.Start();
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                return TakenMessage(url);
            }
        }

        return null;
    }

    private static string TakenMessage(string url)
    {
        var port = Uri.TryCreate(url, UriKind.Absolute, out var uri) ? uri.Port : 0;
        return $"Port {port} is already in use, so {url} cannot be served. Is the workbench running already? "
            + $"Otherwise choose another port: ASPNETCORE_URLS=http://127.0.0.1:{port + 1} dotnet run -c Release --project Workbench.Server";
    }
}
