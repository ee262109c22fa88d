using System.Text;
using Peft.Core.Data.Import.Formats;

namespace Peft.Core.Data.Import;

/// <summary>
/// Reads files of other programs. Opening finds out how each file is to be read and changes nothing; reading goes through the rows, each with
/// its record or why it has none, and everything that a person has to be told.
/// </summary>
public sealed class DatasetImport
{
    private DatasetImport(IReadOnlyList<ImportFilePlan> files, IReadOnlyList<(string File, string Message)> unreadable)
    {
        Files = files;
        Unreadable = unreadable;
        RelationTypes = [.. files.SelectMany(file => file.RelationTypes).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    /// <summary>Names of the layouts that can be chosen.</summary>
    public static IReadOnlyList<string> Layouts { get; } = [.. LayoutCatalog.All.Select(layout => layout.Name), "conll", "txt"];

    /// <summary>The files in order, and how each will be read.</summary>
    public IReadOnlyList<ImportFilePlan> Files { get; }

    /// <summary>Files that cannot be read at all, and why.</summary>
    public IReadOnlyList<(string File, string Message)> Unreadable { get; }

    /// <summary>Relation types of all files, for records that do not list what is asked for.</summary>
    public IReadOnlyList<string> RelationTypes { get; }

    /// <summary>Finds out how files are to be read.</summary>
    /// <param name="files">Files without folders and archives, see <see cref="InputFiles.Expand"/>.</param>
    /// <param name="options">What a person decided.</param>
    public static DatasetImport Open(IReadOnlyList<InputFile> files, ImportOptions options)
    {
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(options);
        var detector = new ImportDetector(options);
        var (plans, unreadable) = (new List<ImportFilePlan>(), new List<(string, string)>());
        var pairs = BratPairs(files);
        var done = new HashSet<InputFile>(pairs.SelectMany(pair => new[] { pair.Text, pair.Annotations }));
        if (pairs.Count > 0)
        {
            plans.Add(Brat(pairs, files, options));
            done.UnionWith(files.Where(IsBratConfiguration));
        }

        foreach (var file in files.Where(file => !done.Contains(file)))
        {
            try
            {
                plans.AddRange(detector.Plan(file));
            }
            catch (PeftException error)
            {
                unreadable.Add((file.Name, error.Message));
            }
        }

        return new DatasetImport(plans, unreadable);
    }

    /// <summary>The rows of all files in order. Items are valid until the next is asked for.</summary>
    public IEnumerable<ImportItem> Read() => Files.SelectMany(file => file.Read());

    private static List<(InputFile Text, InputFile Annotations)> BratPairs(IReadOnlyList<InputFile> files)
    {
        static string Stem(InputFile file) => file.Name[..^4];
        var texts = files.Where(file => file.Name.EndsWith(".txt", StringComparison.OrdinalIgnoreCase)).GroupBy(Stem, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
        return [.. files.Where(file => file.Name.EndsWith(".ann", StringComparison.OrdinalIgnoreCase) && texts.ContainsKey(Stem(file))).Select(file => (texts[Stem(file)], file))];
    }

    private static bool IsBratConfiguration(InputFile file) => Path.GetFileName(file.Name) is "annotation.conf" or "visual.conf" or "tools.conf" or "kb_shortcuts.conf";

    private static ImportFilePlan Brat(List<(InputFile Text, InputFile Annotations)> pairs, IReadOnlyList<InputFile> files, ImportOptions options)
    {
        string Whole(InputFile file)
        {
            var encoding = options.Encoding ?? TextEncodings.Detect(file.Path, file.Name).Name;
            using var reader = new StreamReader(TextEncodings.OpenUtf8(file.Path, encoding), new UTF8Encoding(false), detectEncodingFromByteOrderMarks: false);
            return reader.ReadToEnd();
        }

        var symmetric = BratFile.Symmetric(files.Where(file => Path.GetFileName(file.Name) == "annotation.conf").SelectMany(file => Whole(file).Split('\n')));
        IEnumerable<ImportItem> Read()
        {
            var row = 0;
            foreach (var (text, annotations) in pairs)
            {
                ImportItem item;
                try
                {
                    var (record, notes) = new BratFile(Whole(text), Whole(annotations).Split('\n'), symmetric).Read(Path.GetFileNameWithoutExtension(text.Name));
                    item = new ImportItem(annotations.Name, row, 1, record, notes);
                }
                catch (PeftException error)
                {
                    item = new ImportItem(annotations.Name, row, 1, null, [ImportNote.Refused(error.Message)]);
                }

                row++;
                yield return item;
            }
        }

        return new ImportFilePlan
        {
            Name = pairs.Count == 1 ? pairs[0].Annotations.Name : $"{pairs[0].Annotations.Name} (+{pairs.Count - 1})", Format = "brat-standoff", Container = "brat", Layout = "brat",
            OffsetUnit = OffsetUnit.CodePoint, Items = Read,
            RelationTypes = [.. Read().Select(item => item.Record).OfType<ImportedAnnotation>().SelectMany(record => record.Relations).Select(relation => relation.Type).OfType<string>().Distinct(StringComparer.Ordinal)],
        };
    }
}
