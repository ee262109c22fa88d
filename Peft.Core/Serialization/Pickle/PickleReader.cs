using System.Buffers.Binary;
using System.Globalization;

namespace Peft.Core.Serialization.Pickle;

/// <summary>
/// Reads a pickle for what a file of weights consists of (texts, numbers, lists, dictionaries, tensors over storages) and refuses every
/// other opcode and every other name. Nothing is imported or called: a pickle is a program, and this is no machine that runs it.
/// https://github.com/python/cpython/blob/main/Lib/pickletools.py describes the opcodes.
/// </summary>
internal sealed class PickleReader
{
    // Far more than any file of weights takes, and few enough to bound what is kept for it. A call costs more than another opcode.
    private const int MostWork = 8_000_000;
    private const int CallWork = 16;
    private const int MostDimensions = 8;

    private static readonly object s_mark = new();

    private readonly PickleStream stream;
    private readonly Dictionary<string, PickleStorage> storages;
    private readonly List<object?> stack = [];
    private readonly Dictionary<long, object?> memo = [];
    private long at;
    private long work;

    private PickleReader(PickleStream stream, Dictionary<string, PickleStorage> storages)
    {
        this.stream = stream;
        this.storages = storages;
    }

    /// <summary>Reads one pickle up to its end.</summary>
    /// <param name="stream">Positioned at its start; afterwards behind it.</param>
    /// <param name="storages">Takes the storages that it refers to, by key.</param>
    /// <exception cref="PeftException">Damage, or an opcode or name that weights do not need; names file, position and what it is.</exception>
    public static object? Read(PickleStream stream, Dictionary<string, PickleStorage> storages) => new PickleReader(stream, storages).Run();

    private object? Run()
    {
        while (true)
        {
            at = stream.Position;
            Spend(1);
            var opcode = stream.Byte();
            if (opcode == '.')
                return Pop();
            Step(opcode);
        }
    }

    private void Spend(long steps)
    {
        work += steps;
        if (work > MostWork)
            throw stream.Refused(at, $"more than {MostWork} steps; no file of weights takes so many.");
    }

    private void Step(byte opcode)
    {
        switch ((char)opcode)
        {
            case '\x80':
                if (stream.Byte() is var version and > 5)
                    throw stream.Refused(at, $"pickle protocol {version} is not known.");
                break;
            case '\x95':
                stream.Little(8);
                break;
            case '(':
                stack.Add(s_mark);
                break;
            case '0':
                Pop();
                break;
            case '1':
                PopMarked();
                break;
            case '2':
                stack.Add(Peek());
                break;
            case 'q' or 'r' or 'p' or '\x94':
                memo[PutKey(opcode)] = Peek();
                break;
            case 'h' or 'j' or 'g':
                stack.Add(Remembered(GetKey(opcode)));
                break;
            case 'c':
                stack.Add(Global(stream.Line(), stream.Line()));
                break;
            case '\x93':
                var name = Pop();
                stack.Add(Global(Typed<string>(Pop(), "a module's name"), Typed<string>(name, "a name")));
                break;
            case 'Q':
                stack.Add(Storage(Typed<object?[]>(Pop(), "the description of a storage")));
                break;
            case 'R':
                var arguments = Typed<object?[]>(Pop(), "arguments");
                stack.Add(Rebuilt(Typed<PickleGlobal>(Pop(), "a name"), arguments));
                break;
            case 'b':
                Pop(); // attributes of a dictionary (a state dict's _metadata), which say nothing about tensors
                Typed<PickleDictionary>(Peek(), "a dictionary");
                break;
            case 'a' or 'e' or 's' or 'u':
                Fill(opcode);
                break;
            default:
                stack.Add(Literal(opcode));
                break;
        }
    }

    private object? Literal(byte opcode) => (char)opcode switch
    {
        'N' => null,
        '\x88' => true,
        '\x89' => false,
        'K' => stream.Little(1),
        'M' => stream.Little(2),
        'J' => stream.Little(4, signed: true),
        'I' => stream.Line() switch { "00" => false, "01" => true, var text => stream.Whole(text, at) },
        'L' => stream.Whole(stream.Line(), at),
        '\x8a' => Long(stream.Little(1)),
        '\x8b' => Long(stream.Little(4)),
        'G' => BinaryPrimitives.ReadDoubleBigEndian(stream.Bytes(8)),
        'F' => double.TryParse(stream.Line(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : throw stream.Refused(at, "a number that is none."),
        'X' => stream.Text(stream.Little(4)),
        '\x8c' or 'U' => stream.Text(stream.Little(1)),
        '\x8d' => stream.Text(stream.Little(8)),
        'T' => stream.Text(stream.Little(4, signed: true)),
        'V' => stream.Line(),
        'S' => stream.Line().Trim('\'', '"'),
        '}' => new PickleDictionary(),
        'd' => Dictionary(PopMarked()),
        ']' => new List<object?>(),
        'l' => new List<object?>(PopMarked()),
        ')' => Array.Empty<object?>(),
        't' => PopMarked(),
        '\x85' => Tuple(1),
        '\x86' => Tuple(2),
        '\x87' => Tuple(3),
        _ => throw stream.Refused(at, string.Create(CultureInfo.InvariantCulture, $"opcode 0x{opcode:X2} is refused; files of weights do not need it.")),
    };

    private void Fill(byte opcode)
    {
        object?[] values = opcode switch { (byte)'a' => Tuple(1), (byte)'s' => Tuple(2), _ => PopMarked() };
        if (opcode is (byte)'a' or (byte)'e')
            Typed<List<object?>>(Peek(), "a list").AddRange(values);
        else
            Put(Typed<PickleDictionary>(Peek(), "a dictionary"), values);
    }

    private PickleDictionary Dictionary(object?[] values)
    {
        var dictionary = new PickleDictionary();
        Put(dictionary, values);
        return dictionary;
    }

    private void Put(PickleDictionary dictionary, object?[] values)
    {
        if (values.Length % 2 != 0)
            throw stream.Refused(at, "a dictionary with a key that has no value.");
        for (var i = 0; i < values.Length; i += 2)
            dictionary.Items.Add((values[i], values[i + 1]));
    }

    /// <summary>Refuses a name where it stands, whether anything would be done with it or not.</summary>
    private PickleGlobal Global(string module, string name)
    {
        var known = (module, name) is ("torch._utils", "_rebuild_tensor_v2" or "_rebuild_tensor" or "_rebuild_parameter" or "_rebuild_parameter_with_state") or ("collections", "OrderedDict")
            || (module == "torch" && StorageTypes.Find(name) is not null);
        return known
            ? new PickleGlobal(module, name)
            : throw stream.Refused(at, $"the name '{module}.{name}' is refused; a file of weights may only name the parts of tensors. Known storages are {StorageTypes.Known}.");
    }

    private object? Rebuilt(PickleGlobal function, object?[] arguments)
    {
        Spend(CallWork);
        switch (function.Module, function.Name)
        {
            case ("torch._utils", "_rebuild_tensor_v2") when arguments.Length >= 4:
            case ("torch._utils", "_rebuild_tensor") when arguments.Length == 4:
                return Tensor(arguments);
            case ("torch._utils", "_rebuild_parameter" or "_rebuild_parameter_with_state") when arguments.Length >= 1:
                return Typed<PickleTensor>(arguments[0], "a tensor");
            case ("collections", "OrderedDict") when arguments.Length == 0:
                return new PickleDictionary();
            case ("collections", "OrderedDict") when arguments.Length == 1:
                return Ordered(Typed<List<object?>>(arguments[0], "a list of pairs"));
            default:
                throw stream.Refused(at, $"'{function}' with {arguments.Length} argument(s) is refused; weights are not written so.");
        }
    }

    private PickleDictionary Ordered(List<object?> pairs)
    {
        Spend(pairs.Count);
        var dictionary = new PickleDictionary();
        foreach (var pair in pairs)
        {
            var items = pair switch { object?[] tuple => tuple, List<object?> list => [.. list], _ => [] };
            dictionary.Items.Add(items.Length == 2 ? (items[0], items[1]) : throw stream.Refused(at, "an ordered dictionary of something else than pairs."));
        }

        return dictionary;
    }

    private PickleTensor Tensor(object?[] arguments)
    {
        var tensor = new PickleTensor(
            Typed<PickleStorage>(arguments[0], "a storage"), Typed<long>(arguments[1], "an offset"), Sizes(arguments[2]), Sizes(arguments[3]));
        var last = (Int128)tensor.Offset;
        Int128 count = 1;
        for (var i = 0; i < tensor.Shape.Count && tensor.Shape.Count == tensor.Strides.Count; i++)
        {
            last += (Int128)Math.Max(0, tensor.Shape[i] - 1) * tensor.Strides[i];
            count = count > long.MaxValue ? count : count * tensor.Shape[i];
        }

        if (tensor.Shape.Count != tensor.Strides.Count || tensor.Offset < 0 || tensor.Shape.Concat(tensor.Strides).Any(n => n < 0) || count > long.MaxValue
            || (count > 0 && last >= tensor.Storage.Count))
        {
            throw stream.Refused(
                at, $"a tensor of shape [{string.Join(", ", tensor.Shape)}] and strides [{string.Join(", ", tensor.Strides)}] from {tensor.Offset} on reaches beyond its storage '{tensor.Storage.Key}' of {tensor.Storage.Count} elements.");
        }

        return tensor;
    }

    /// <summary>('storage', type, key, place, count[, part]).</summary>
    private PickleStorage Storage(object?[] description)
    {
        if (description.Length < 5 || description[0] is not "storage")
            throw stream.Refused(at, $"a reference to '{(description.Length > 0 ? description[0] : null)}' is refused; only storages of tensors can be referred to.");
        var kind = Typed<PickleGlobal>(description[1], "the type of a storage");
        if (StorageTypes.Find(kind.Name) is not { } known)
            throw stream.Refused(at, $"'{kind}' where the type of a storage is expected.");
        var key = Typed<string>(description[2], "the key of a storage");
        var count = Typed<long>(description[4], "the size of a storage");
        if (count < 0)
            throw stream.Refused(at, $"storage '{key}' has {count} elements.");
        var storage = new PickleStorage(known, key, count);
        if (storages.TryAdd(key, storage) is false && storages[key] != storage)
            throw stream.Refused(at, $"storage '{key}' is described twice, and differently.");
        if (description.Length < 6 || description[5] is null)
            return storage;
        var part = Typed<object?[]>(description[5], "the part of a storage");
        var (start, length) = part.Length == 3 ? (Typed<long>(part[1], "a start"), Typed<long>(part[2], "a length")) : (-1, 0);
        return start >= 0 && length >= 0 && (Int128)start + length <= count
            ? storage with { Start = start, Count = length }
            : throw stream.Refused(at, $"a part of storage '{key}' that lies outside of it.");
    }

    private IReadOnlyList<long> Sizes(object? value)
    {
        var items = value switch { object?[] tuple => tuple, List<object?> list => [.. list], _ => throw stream.Refused(at, "sizes that are no tuple.") };
        return items.Length <= MostDimensions ? [.. items.Select(item => Typed<long>(item, "a size"))] : throw stream.Refused(at, $"a tensor of {items.Length} dimensions.");
    }

    private long Long(long bytes)
    {
        // Longer ones occur in the head of old files (a magic number of 10 bytes); their lower bits tell them apart well enough.
        var read = stream.Bytes(bytes);
        long value = 0;
        for (var i = Math.Min(read.Length, 8) - 1; i >= 0; i--)
            value = (value << 8) | read[i];
        return read.Length is > 0 and < 8 && (read[^1] & 0x80) != 0 ? value - (1L << (8 * read.Length)) : value;
    }

    private long PutKey(byte opcode) => (char)opcode switch
    {
        'q' => stream.Little(1),
        'r' => stream.Little(4),
        'p' => stream.Whole(stream.Line(), at),
        _ => memo.Count,
    };

    private long GetKey(byte opcode) => (char)opcode switch
    {
        'h' => stream.Little(1),
        'j' => stream.Little(4),
        _ => stream.Whole(stream.Line(), at),
    };

    private object? Remembered(long key) => memo.TryGetValue(key, out var value) ? value : throw stream.Refused(at, $"memory {key} was never filled.");

    private object?[] Tuple(int count)
    {
        var values = new object?[count];
        for (var i = count - 1; i >= 0; i--)
            values[i] = Pop();
        return values;
    }

    private object?[] PopMarked()
    {
        var mark = stack.FindLastIndex(value => ReferenceEquals(value, s_mark));
        if (mark < 0)
            throw stream.Refused(at, "no mark on the stack.");
        object?[] values = [.. stack[(mark + 1)..]];
        stack.RemoveRange(mark, stack.Count - mark);
        return values;
    }

    private object? Peek() => stack.Count > 0 && stack[^1] != s_mark ? stack[^1] : throw stream.Refused(at, "an empty stack.");

    private object? Pop()
    {
        var value = Peek();
        stack.RemoveAt(stack.Count - 1);
        return value;
    }

    private T Typed<T>(object? value, string what) => value is T typed ? typed : throw stream.Refused(at, $"{Kind(value)} where {what} is expected.");

    private static string Kind(object? value) => value switch
    {
        null => "nothing",
        PickleGlobal global => $"the name '{global}'",
        string => "a text",
        PickleTensor => "a tensor",
        PickleStorage => "a storage",
        PickleDictionary => "a dictionary",
        object?[] => "a tuple",
        List<object?> => "a list",
        _ => $"'{value}'",
    };
}
