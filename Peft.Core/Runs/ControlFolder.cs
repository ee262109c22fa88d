namespace Peft.Core.Runs;

/// <summary>A file of the control folder: a command, or something that is none (<see cref="Command"/> null, <see cref="Problem"/> says what).</summary>
/// <param name="Id">The file's ULID, or its whole name where it has none.</param>
/// <param name="Command">The command; null when the file is not understood.</param>
/// <param name="Problem">For a file that is not understood: a message for a person.</param>
/// <param name="Path">Where the file lies.</param>
public sealed record ControlFile(string Id, RunCommand? Command, string? Problem, string Path);

/// <summary>
/// Commands to a running trainer as atomically placed, empty files <c>&lt;ulid&gt;.&lt;command&gt;</c>. The trainer looks between two steps,
/// carries them out in the order of their ids and acknowledges each by an event; then the file is removed.
/// </summary>
/// <param name="Path">The folder.</param>
public sealed record ControlFolder(string Path)
{
    private const string RejectedFolder = "rejected";

    /// <summary>Places a command and returns its id.</summary>
    /// <exception cref="PeftException">The disk refuses.</exception>
    public string Place(RunCommand command)
    {
        var id = Ulid.NewUlid().ToString();
        AtomicFolder.WriteFile(System.IO.Path.Combine(Path, $"{id}.{Name(command)}"), []);
        return id;
    }

    /// <summary>All files that wait, oldest first. Files that are still being written aside are not among them.</summary>
    public IReadOnlyList<ControlFile> Pending()
    {
        if (!Directory.Exists(Path))
            return [];
        List<ControlFile>? found = null;
        foreach (var path in Directory.EnumerateFiles(Path))
        {
            var name = System.IO.Path.GetFileName(path);
            if (!name.StartsWith('.'))
                (found ??= []).Add(Parse(path, name));
        }

        found?.Sort((a, b) => string.CompareOrdinal(a.Id, b.Id));
        return found ?? [];
    }

    /// <summary>Removes a command that was carried out and acknowledged.</summary>
    public static void Done(ControlFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        File.Delete(file.Path);
    }

    /// <summary>Puts a file that is not understood out of the way, so that it is reported once.</summary>
    public void Reject(ControlFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        var folder = System.IO.Path.Combine(Path, RejectedFolder);
        Directory.CreateDirectory(folder);
        File.Move(file.Path, System.IO.Path.Combine(folder, System.IO.Path.GetFileName(file.Path)), overwrite: true);
    }

    /// <summary>Removes commands that were meant for a trainer that died before it read them. Called while no trainer reads.</summary>
    /// <returns>How many there were.</returns>
    public int Clear()
    {
        var pending = Pending();
        foreach (var file in pending)
            File.Delete(file.Path);
        return pending.Count;
    }

    private static ControlFile Parse(string path, string name)
    {
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        if (dot < 0 || !Ulid.TryParse(name.AsSpan(0, dot), out _))
            return new ControlFile(name, null, $"{path}: '{name}' is no command file. Expected <ulid>.<command>, for example {Ulid.MaxValue}.pause.", path);
        foreach (var command in Enum.GetValues<RunCommand>())
        {
            if (name.AsSpan(dot + 1).SequenceEqual(Name(command)))
                return new ControlFile(name[..dot], command, null, path);
        }

        var known = string.Join(", ", Enum.GetValues<RunCommand>().Select(Name));
        return new ControlFile(name[..dot], null, $"{path}: unknown command '{name[(dot + 1)..]}'. Known: {known}.", path);
    }

    private static string Name(RunCommand command) => command switch
    {
        RunCommand.Pause => "pause",
        RunCommand.Stop => "stop",
        RunCommand.Checkpoint => "checkpoint",
        _ => throw new ArgumentOutOfRangeException(nameof(command), command, "A command without a file name."),
    };
}
