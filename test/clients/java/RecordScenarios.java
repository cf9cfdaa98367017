import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;

final class RecordScenarios {
    static void add(Map<String, JavaClient.Scenario> all) {
        for (String compression : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            all.put("records-" + compression, cluster -> records(cluster, compression));
        }
        all.put("acks", RecordScenarios::acks);
        all.put("idempotent-many", RecordScenarios::idempotentMany);
        all.put("log-append-time", RecordScenarios::logAppendTime);
        all.put("too-large", RecordScenarios::tooLarge);
        all.put("timestamp-bounds", RecordScenarios::timestampBounds);
        all.put("seek", RecordScenarios::seek);
        all.put("auto-create", RecordScenarios::autoCreate);
    }

    /** Reads `count` records of all partitions of a topic, without a group. */
    static List<ConsumerRecord<String, String>> read(KafkaConsumer<String, String> consumer, String topic, int count) {
        List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
            .map(info -> new TopicPartition(topic, info.partition()))
            .toList();
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        return poll(consumer, count);
    }

    static List<ConsumerRecord<String, String>> poll(KafkaConsumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        long giveUpAt = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (records.size() < count) {
            Check.that(System.nanoTime() < giveUpAt, records.size() + " records came, not " + count);
            consumer.poll(Duration.ofMillis(200)).forEach(records::add);
        }
        return records;
    }

    private static void records(Cluster cluster, String compression) throws Exception {
        String topic = cluster.newTopic("java-" + compression, 1);
        try (KafkaProducer<String, String> producer = cluster.producer(Map.of("compression.type", compression, "linger.ms", 20))) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < 1000; i++) {
                ProducerRecord<String, String> record =
                    new ProducerRecord<>(topic, null, 1_700_000_000_000L + i, "key-" + i, "value " + "x".repeat(i));
                record.headers().add("trace", ("t" + i).getBytes(StandardCharsets.UTF_8)).add("trace", null);
                sent.add(producer.send(record));
            }
            for (int i = 0; i < sent.size(); i++) {
                RecordMetadata metadata = sent.get(i).get();
                Check.equal((long) i, metadata.offset(), "the offset of record " + i);
                Check.equal(1_700_000_000_000L + i, metadata.timestamp(), "the timestamp of record " + i);
            }
        }
        try (KafkaConsumer<String, String> consumer = cluster.consumer(Map.of())) {
            List<ConsumerRecord<String, String>> records = read(consumer, topic, 1000);
            Check.equal(1000, records.size(), "the number of records");
            for (int i = 0; i < 1000; i++) {
                ConsumerRecord<String, String> record = records.get(i);
                Check.equal((long) i, record.offset(), "an offset");
                Check.equal("key-" + i, record.key(), "a key");
                Check.equal("value " + "x".repeat(i), record.value(), "a value");
                Check.equal(1_700_000_000_000L + i, record.timestamp(), "a timestamp");
                Check.equal(TimestampType.CREATE_TIME, record.timestampType(), "a timestamp's type");
                Check.equal(0, record.leaderEpoch().orElse(-1) >= 0 ? 0 : -1, "the sign of the leader epoch");
                Header[] headers = record.headers().toArray();
                Check.equal(2, headers.length, "the number of headers");
                Check.equal("t" + i, new String(headers[0].value(), StandardCharsets.UTF_8), "a header");
                Check.equal(null, headers[1].value(), "a null header");
            }
        }
    }

    private static void acks(Cluster cluster) throws Exception {
        String topic = cluster.newTopic("java-acks", 1);
        for (String acks : List.of("0", "1", "all")) {
            Map<String, Object> settings = Map.of("acks", acks, "enable.idempotence", false);
            try (KafkaProducer<String, String> producer = cluster.producer(settings)) {
                RecordMetadata metadata = producer.send(new ProducerRecord<>(topic, acks)).get();
                Check.equal(!acks.equals("0"), metadata.hasOffset(), "whether acks=" + acks + " has an offset");
            }
        }
        try (KafkaConsumer<String, String> consumer = cluster.consumer(Map.of())) {
            List<String> values = read(consumer, topic, 3).stream().map(ConsumerRecord::value).toList();
            Check.equal(List.of("0", "1", "all"), values, "what was produced");
        }
    }

    /** The producer's defaults: idempotent, acks=all, five requests in flight. */
    private static void idempotentMany(Cluster cluster) throws Exception {
        String topic = cluster.newTopic("java-idempotent", 3);
        int count = 50_000;
        try (KafkaProducer<String, String> producer = cluster.producer(Map.of("batch.size", 2048))) {
            for (int i = 0; i < count; i++) producer.send(new ProducerRecord<>(topic, "key-" + i % 50, Integer.toString(i)));
        }
        try (KafkaConsumer<String, String> consumer = cluster.consumer(Map.of())) {
            Set<String> values = new HashSet<>();
            int[] last = {-1, -1, -1};
            for (ConsumerRecord<String, String> record : read(consumer, topic, count)) {
                Check.that(values.add(record.value()), record.value() + " came twice");
                int number = Integer.parseInt(record.value());
                Check.that(number > last[record.partition()], number + " came out of order");
                last[record.partition()] = number;
            }
            Check.equal(count, values.size(), "the number of records");
        }
    }

    private static void logAppendTime(Cluster cluster) throws Exception {
        String topic = cluster.newTopic("java-append-time", 1, Map.of("message.timestamp.type", "LogAppendTime"));
        long before = System.currentTimeMillis();
        try (KafkaProducer<String, String> producer = cluster.producer(Map.of("compression.type", "lz4"))) {
            RecordMetadata metadata = producer.send(new ProducerRecord<>(topic, null, 5L, "k", "v")).get();
            Check.that(metadata.timestamp() >= before, "the producer is told the time of the append");
        }
        try (KafkaConsumer<String, String> consumer = cluster.consumer(Map.of())) {
            ConsumerRecord<String, String> record = read(consumer, topic, 1).get(0);
            Check.equal(TimestampType.LOG_APPEND_TIME, record.timestampType(), "the timestamp's type");
            Check.that(record.timestamp() >= before, "the consumer sees the time of the append");
        }
    }

    private static void tooLarge(Cluster cluster) throws Exception {
        String topic = cluster.newTopic("java-large", 1, Map.of("max.message.bytes", "1000"));
        try (KafkaProducer<String, String> producer = cluster.producer(Map.of())) {
            Check.fails(RecordTooLargeException.class, () -> producer.send(new ProducerRecord<>(topic, "x".repeat(2000))).get());
            Check.equal(0L, producer.send(new ProducerRecord<>(topic, "small")).get().offset(), "the offset after a refusal");
        }
    }

    private static void timestampBounds(Cluster cluster) throws Exception {
        String topic = cluster.newTopic("java-bounds", 1, Map.of("message.timestamp.before.max.ms", "60000"));
        try (KafkaProducer<String, String> producer = cluster.producer(Map.of())) {
            Check.fails(
                InvalidTimestampException.class,
                () -> producer.send(new ProducerRecord<>(topic, null, 1000L, "k", "v")).get());
            producer.send(new ProducerRecord<>(topic, "now")).get();
        }
    }

    private static void seek(Cluster cluster) throws Exception {
        String topic = cluster.newTopic("java-seek", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = cluster.producer(Map.of())) {
            for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>(topic, 0, 1000L + i, null, "v" + i)).get();
        }
        try (KafkaConsumer<String, String> consumer = cluster.consumer(Map.of("max.poll.records", 1))) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, 7);
            Check.equal("v7", poll(consumer, 1).get(0).value(), "the value at offset 7");
            Check.equal(0L, consumer.beginningOffsets(List.of(partition)).get(partition), "the beginning");
            Check.equal(10L, consumer.endOffsets(List.of(partition)).get(partition), "the end");
            OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, 1004L)).get(partition);
            Check.equal(4L, found.offset(), "the offset at a time");
            Check.equal(null, consumer.offsetsForTimes(Map.of(partition, 5000L)).get(partition), "what is younger than all");
            consumer.seekToEnd(List.of(partition));
            Check.equal(10L, consumer.position(partition), "the position at the end");
        }
    }

    private static void autoCreate(Cluster cluster) throws Exception {
        String topic = Cluster.unique("java-auto");
        try (KafkaProducer<String, String> producer = cluster.producer(Map.of())) {
            producer.send(new ProducerRecord<>(topic, "hello")).get();
        }
        Check.that(cluster.admin.listTopics().names().get().contains(topic), "the topic was created");
    }
}
