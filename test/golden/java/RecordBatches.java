import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.compress.GzipCompression;
import org.apache.kafka.common.compress.Lz4Compression;
import org.apache.kafka.common.compress.ZstdCompression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;

/**
 * Writes record batches as Apache Kafka's client library makes them, one JSON object a line: first the sets of
 * records, then the batches that hold them. record-batches.sh runs it.
 */
public final class RecordBatches {
    private static final PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    public static void main(String[] args) {
        Random random = new Random(42);
        set("one", List.of(record(1700000000000L, "key", "value")));

        List<SimpleRecord> mixed = new ArrayList<>();
        mixed.add(new SimpleRecord(1700000000000L, (byte[]) null, null, new Header[0]));
        mixed.add(new SimpleRecord(1699999990000L, new byte[0], new byte[0], new Header[0]));
        mixed.add(new SimpleRecord(1700000100000L, utf8("k\u65e5"), utf8("v\u03b2"), new Header[] {
            new RecordHeader("h1", utf8("x")), new RecordHeader("\u03b2eta", (byte[]) null),
            new RecordHeader("", new byte[0])}));
        mixed.add(new SimpleRecord(1700000000000L + (1L << 40), utf8("far"), null, new Header[0]));
        mixed.add(record(0L, "epoch", "v".repeat(200)));
        set("mixed", mixed);

        List<SimpleRecord> text = new ArrayList<>();
        for (int i = 0; i < 1500; i++)
            text.add(record(1700000000000L + i, "user-" + i % 97, "line " + i + " of a text that says little " + i * 31));
        set("text", text);

        List<SimpleRecord> zeros = List.of(new SimpleRecord(5L, (byte[]) null, new byte[300000]));
        set("zeros", zeros);

        byte[] noise = new byte[70000];
        random.nextBytes(noise);
        List<SimpleRecord> incompressible = List.of(new SimpleRecord(7L, utf8("noise"), noise));
        set("noise", incompressible);

        Compression[] codecs = {Compression.NONE, Compression.gzip().build(), Compression.snappy().build(),
            Compression.lz4().build(), Compression.zstd().build()};
        for (Compression codec : codecs) {
            String name = codec.type().name;
            batch("one", List.of(record(1700000000000L, "key", "value")), codec, name);
            batch("mixed", mixed, codec, name);
            if (!name.equals("none")) {
                batch("text", text, codec, name);
                batch("zeros", zeros, codec, name);
            }
        }
        batch("noise", incompressible, codecs[2], "snappy");
        batch("noise", incompressible, codecs[3], "lz4");
        batch("text", text, new GzipCompression.Builder().level(9).build(), "gzip");
        batch("text", text, new Lz4Compression.Builder().level(17).build(), "lz4");
        batch("text", text, new ZstdCompression.Builder().level(19).build(), "zstd");

        emit("mixed", "none", builder(Compression.NONE, TimestampType.LOG_APPEND_TIME, 1700000500000L, -1L, (short) -1,
            -1, false, false), mixed);
        emit("mixed", "none", builder(Compression.NONE, TimestampType.CREATE_TIME, -1L, 4294967296L, (short) 12,
            2147483646, false, false), mixed);
        emit("mixed", "none", builder(Compression.NONE, TimestampType.CREATE_TIME, -1L, 77L, (short) 0, 5, true, false),
            mixed);
        marker(ControlRecordType.COMMIT);
        marker(ControlRecordType.ABORT);
        out.flush();
    }

    private static SimpleRecord record(long timestamp, String key, String value) {
        return new SimpleRecord(timestamp, utf8(key), utf8(value));
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static MemoryRecordsBuilder builder(Compression codec, TimestampType type, long appendTime, long producerId,
            short epoch, int sequence, boolean transactional, boolean control) {
        return MemoryRecords.builder(ByteBuffer.allocate(1 << 20), RecordBatch.MAGIC_VALUE_V2, codec, type, 1000L,
            appendTime, producerId, epoch, sequence, transactional, control, 9);
    }

    private static void batch(String set, List<SimpleRecord> records, Compression codec, String name) {
        emit(set, name, builder(codec, TimestampType.CREATE_TIME, -1L, -1L, (short) -1, -1, false, false), records);
    }

    private static void emit(String set, String codec, MemoryRecordsBuilder builder, List<SimpleRecord> records) {
        for (SimpleRecord record : records) builder.append(record);
        line(set, codec, builder.build());
    }

    private static void marker(ControlRecordType type) {
        line(type.name(), "none", MemoryRecords.withEndTransactionMarker(1000L, 1700000000000L, 9, 77L, (short) 3,
            new EndTransactionMarker(type, 21)));
    }

    private static void line(String set, String codec, MemoryRecords records) {
        byte[] bytes = new byte[records.buffer().remaining()];
        records.buffer().duplicate().get(bytes);
        out.printf("{\"batch\":%s,\"codec\":%s,\"bytes\":%s}%n", quoted(set), quoted(codec), base64(bytes));
    }

    private static void set(String name, List<SimpleRecord> records) {
        StringBuilder json = new StringBuilder();
        for (SimpleRecord record : records) {
            StringBuilder headers = new StringBuilder();
            for (Header header : record.headers())
                headers.append(headers.length() == 0 ? "" : ",").append("[").append(quoted(header.key())).append(",")
                    .append(base64(header.value())).append("]");
            json.append(json.length() == 0 ? "" : ",").append("[").append(record.timestamp()).append(",")
                .append(base64(bytes(record.key()))).append(",").append(base64(bytes(record.value()))).append(",[")
                .append(headers).append("]]");
        }
        out.printf("{\"set\":%s,\"records\":[%s]}%n", quoted(name), json);
    }

    private static byte[] bytes(ByteBuffer buffer) {
        if (buffer == null) return null;
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }

    private static String base64(byte[] bytes) {
        return bytes == null ? "null" : quoted(Base64.getEncoder().encodeToString(bytes));
    }

    private static String quoted(String text) {
        return "\"" + text + "\"";
    }
}
