using Microsoft.EntityFrameworkCore;
using Workbench.Server.Hosting;

namespace Workbench.Server.Storage;

public static class StorageExtensions
{
    /// <summary>The main database in the data directory. Inject <c>IDbContextFactory&lt;WorkbenchDb&gt;</c>, or <see cref="WorkbenchDb"/> in a request.</summary>
    public static IServiceCollection AddStorage(this IServiceCollection services)
    {
        services.AddDbContextFactory<WorkbenchDb>((provider, options) =>
            options.UseSqlite($"Data Source={provider.GetRequiredService<DataDirectory>().Database}"));
        services.AddSingleton<ICurrentPerson, LocalPerson>();
        return services;
    }

    /// <summary>Brings the database to this program's layout and makes sure that the local profile exists.</summary>
    public static async Task PrepareStorageAsync(this IServiceProvider services)
    {
        var factory = services.GetRequiredService<IDbContextFactory<WorkbenchDb>>();
        await using var db = await factory.CreateDbContextAsync();
        await db.Database.MigrateAsync();
        var person = services.GetRequiredService<ICurrentPerson>();
        if (!await db.People.AnyAsync(row => row.Id == person.Id))
        {
            var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
            db.People.Add(new PersonEntity { Id = person.Id, DisplayName = person.DisplayName, CreatedAt = now });
            await db.SaveChangesAsync();
        }
    }
}
