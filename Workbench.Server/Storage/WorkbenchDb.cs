using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Workbench.Server.Storage;

/// <summary>The main database: what only the server knows. Everything large lies in files beside it.</summary>
public sealed class WorkbenchDb(DbContextOptions<WorkbenchDb> options) : DbContext(options)
{
    public DbSet<ProjectEntity> Projects => Set<ProjectEntity>();

    public DbSet<DatasetEntity> Datasets => Set<DatasetEntity>();

    public DbSet<SnapshotEntity> Snapshots => Set<SnapshotEntity>();

    public DbSet<ModelEntity> Models => Set<ModelEntity>();

    public DbSet<RunEntity> Runs => Set<RunEntity>();

    public DbSet<ComparisonEntity> Comparisons => Set<ComparisonEntity>();

    public DbSet<PersonEntity> People => Set<PersonEntity>();

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        // SQLite has no type for points in time; whole milliseconds sort and compare, and PostgreSQL reads them as well.
        configurationBuilder.Properties<DateTimeOffset>().HaveConversion<MillisecondsConverter>();
        configurationBuilder.Properties<Enum>().HaveConversion<string>();
    }

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        ArgumentNullException.ThrowIfNull(modelBuilder);
        modelBuilder.Entity<ProjectEntity>().ToTable("projects").HasKey(row => row.Id);
        modelBuilder.Entity<DatasetEntity>().ToTable("datasets").HasKey(row => row.Id);
        modelBuilder.Entity<SnapshotEntity>().ToTable("snapshots").HasKey(row => new { row.DatasetId, row.Hash });
        modelBuilder.Entity<ModelEntity>().ToTable("models").HasKey(row => row.Id);
        modelBuilder.Entity<ComparisonEntity>().ToTable("comparisons").HasKey(row => row.Id);
        modelBuilder.Entity<PersonEntity>().ToTable("people").HasKey(row => row.Id);
        modelBuilder.Entity<RunEntity>(run =>
        {
            run.ToTable("runs").HasKey(row => row.Id);
            run.HasIndex(row => row.ComparisonId);
            run.HasIndex(row => row.QueueTicket);
            // A server that lost its lease cannot write: the row it read no longer carries this token.
            run.Property(row => row.LeaseToken).IsConcurrencyToken();
        });
    }

    private sealed class MillisecondsConverter()
        : ValueConverter<DateTimeOffset, long>(time => time.ToUnixTimeMilliseconds(), value => DateTimeOffset.FromUnixTimeMilliseconds(value));
}
