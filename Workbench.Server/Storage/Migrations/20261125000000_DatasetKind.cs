using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Workbench.Server.Storage.Migrations
{
    /// <summary>What the records of a dataset look like; those that exist hold instructions.</summary>
    [DbContext(typeof(WorkbenchDb))]
    [Migration("20261125000000_DatasetKind")]
    public partial class DatasetKind : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) =>
            migrationBuilder.AddColumn<string>(name: "Kind", table: "datasets", type: "TEXT", nullable: false, defaultValue: "Instruction");

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.DropColumn(name: "Kind", table: "datasets");
    }
}
