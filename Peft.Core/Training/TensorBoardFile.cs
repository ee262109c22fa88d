using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;
using Peft.Core.Runs;

namespace Peft.Core.Training;

/// <summary>
/// Writes a run's curves as TensorBoard reads them: records with checksums (TFRecord), each a protocol buffer <c>tensorflow.Event</c>.
/// Tags are those of Hugging Face's Trainer.
/// </summary>
public sealed class TensorBoardFile : IDisposable
{
    private readonly FileStream file;

    private TensorBoardFile(FileStream file) => this.file = file;

    /// <summary>Opens a new file in a folder; TensorBoard joins all files of a folder.</summary>
    /// <param name="folder">The folder; made if missing.</param>
    /// <param name="time">When, in UTC.</param>
    /// <param name="fromStep">The step that a resumed run goes on from: what older files hold behind it no longer counts. Null for a new run.</param>
    /// <exception cref="IOException">The disk refuses.</exception>
    public static TensorBoardFile Open(string folder, DateTimeOffset time, int? fromStep)
    {
        Directory.CreateDirectory(folder);
        FileStream? file = null;
        for (var number = 0; file is null; number++)
        {
            var path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"events.out.tfevents.{time.ToUnixTimeSeconds()}.{Environment.MachineName}.{Environment.ProcessId}.{number}"));
            if (!File.Exists(path))
                file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        }

        var written = new TensorBoardFile(file);
        written.Append(Message.Event(time, 0).Text(3, "brain.Event:2"));
        if (fromStep is { } step)
            written.Append(Message.Event(time, step + 1).Nested(7, new Message().Number(1, 1))); // SessionLog START: purges from this step on
        file.Flush();
        return written;
    }

    /// <summary>Writes what an event of a run says in numbers; other events say nothing here.</summary>
    public void Write(RunEvent what)
    {
        ArgumentNullException.ThrowIfNull(what);
        var values = Scalars(what).ToArray();
        if (values.Length == 0)
            return;
        var summary = new Message();
        foreach (var (tag, value) in values)
            summary.Nested(1, new Message().Text(1, tag).Single(2, (float)value));
        Append(Message.Event(DateTimeOffset.FromUnixTimeMilliseconds(what.Time), what.Step).Nested(5, summary));
        file.Flush();
    }

    /// <inheritdoc />
    public void Dispose() => file.Dispose();

    private static IEnumerable<(string Tag, double Value)> Scalars(RunEvent what) => what switch
    {
        RunStep e =>
        [
            ("train/loss", e.Loss), ("train/learning_rate", e.LearningRate), ("train/grad_norm", e.GradNorm ?? double.NaN), ("train/epoch", e.Epoch),
            ("train/tokens_per_second", e.TokensPerSecond),
        ],
        RunEvalLoss e => Measured("eval", e.Metrics).Prepend(("eval/loss", e.Loss)),
        RunMetrics e => Measured(e.Split, e.Metrics),
        _ => [],
    };

    private static IEnumerable<(string Tag, double Value)> Measured(string split, IReadOnlyDictionary<string, double?> metrics) =>
        metrics.Where(pair => pair.Value is not null).Select(pair => ($"{split}/{pair.Key}", pair.Value!.Value));

    private void Append(Message message)
    {
        var data = message.Bytes;
        Span<byte> head = stackalloc byte[12];
        BinaryPrimitives.WriteUInt64LittleEndian(head, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[8..], Masked(head[..8]));
        file.Write(head);
        file.Write(data);
        Span<byte> tail = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(tail, Masked(data));
        file.Write(tail);
    }

    /// <summary>CRC-32C, rotated and shifted as TFRecord has it, so that a checksum of checksums is no weak one.</summary>
    private static uint Masked(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data)
            crc = BitOperations.Crc32C(crc, value);
        crc = ~crc;
        return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
    }

    /// <summary>A protocol buffer being written, field by field.</summary>
    private sealed class Message
    {
        private readonly ArrayBufferWriter<byte> buffer = new();

        public ReadOnlySpan<byte> Bytes => buffer.WrittenSpan;

        public static Message Event(DateTimeOffset time, long step)
        {
            var message = new Message();
            Span<byte> seconds = stackalloc byte[8];
            BinaryPrimitives.WriteDoubleLittleEndian(seconds, time.ToUnixTimeMilliseconds() / 1000.0);
            message.Key(1, 1);
            message.buffer.Write(seconds);
            return message.Number(2, step);
        }

        public Message Number(int field, long value)
        {
            Key(field, 0);
            VarInt((ulong)value);
            return this;
        }

        public Message Single(int field, float value)
        {
            Key(field, 5);
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
            buffer.Write(bytes);
            return this;
        }

        public Message Text(int field, string value) => Block(field, Encoding.UTF8.GetBytes(value));

        public Message Nested(int field, Message value) => Block(field, value.Bytes);

        private Message Block(int field, ReadOnlySpan<byte> bytes)
        {
            Key(field, 2);
            VarInt((ulong)bytes.Length);
            buffer.Write(bytes);
            return this;
        }

        private void Key(int field, int type) => VarInt((ulong)((field << 3) | type));

        private void VarInt(ulong value)
        {
            for (; value >= 0x80; value >>= 7)
                buffer.Write([(byte)(value | 0x80)]);
            buffer.Write([(byte)value]);
        }
    }
}
