import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Fills a broker's data folder with all that such a folder may hold, and lists what Kafka's own clients see in it.
 * kafka-data-folder.js runs it: `write` and `list`, then, after a restart of the broker, `more` and `list`.
 */
public final class KafkaDataFolder {
    /** Time between two records: segment.ms makes segments of it. */
    private static final long STEP = 10_000;
    private static final ObjectMapper JSON = new ObjectMapper();
    private final String bootstrap;
    private final Admin admin;
    private long now;

    private KafkaDataFolder(String bootstrap, long start) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(settings(Map.of()));
        this.now = start;
    }

    public static void main(String[] args) throws Exception {
        long start = args[1].equals("more") ? 1_760_000_000_000L : 1_750_000_000_000L;
        KafkaDataFolder folder = new KafkaDataFolder(args[0], start);
        switch (args[1]) {
            case "write" -> folder.write();
            case "more" -> folder.writeMore();
            case "list" -> folder.list();
            default -> throw new IllegalArgumentException(args[1]);
        }
        // Transactions are left open: their producers must not end them.
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private Properties settings(Map<String, ?> more) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.putAll(more);
        return settings;
    }

    private KafkaProducer<byte[], byte[]> producer(Map<String, ?> more) {
        return new KafkaProducer<>(settings(more), new ByteArraySerializer(), new ByteArraySerializer());
    }

    private KafkaProducer<byte[], byte[]> transactional(String id) {
        KafkaProducer<byte[], byte[]> producer =
            producer(Map.of("transactional.id", id, "transaction.timeout.ms", 900_000));
        producer.initTransactions();
        return producer;
    }

    private static byte[] bytes(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    private ProducerRecord<byte[], byte[]> record(String topic, int partition, String key, String value) {
        now += STEP;
        return new ProducerRecord<>(topic, partition, now, bytes(key), bytes(value));
    }

    /** Sends records in batches of `size`. */
    private void send(KafkaProducer<byte[], byte[]> producer, List<ProducerRecord<byte[], byte[]>> records, int size)
        throws Exception {
        for (int i = 0; i < records.size(); i++) {
            producer.send(records.get(i));
            if (i % size == size - 1) producer.flush();
        }
        producer.flush();
    }

    private List<ProducerRecord<byte[], byte[]>> records(String topic, int partition, String name, int count) {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int i = 0; i < count; i++) records.add(record(topic, partition, name + "-" + i, "value of " + name + " " + i));
        return records;
    }

    private void write() throws Exception {
        Map<String, String> small = Map.of("retention.ms", "-1", "segment.ms", "60000", "index.interval.bytes", "128",
            "segment.index.bytes", "96");
        Map<String, String> compacted = new TreeMap<>(small);
        compacted.put("cleanup.policy", "compact");
        compacted.put("min.cleanable.dirty.ratio", "0.01");
        Map<String, String> stamped = new TreeMap<>(small);
        stamped.put("message.timestamp.type", "LogAppendTime");
        Map<String, String> tuned = Map.of("retention.bytes", "123456789", "retention.ms", "-1", "leader.replication.throttled.replicas", "0:1",
            "compression.type", "zstd", "unclean.leader.election.enable", "true");
        admin.createTopics(List.of(
            new NewTopic("plain", 2, (short) 1).configs(small),
            new NewTopic("transactions", 1, (short) 1).configs(small),
            new NewTopic("open", 1, (short) 1).configs(small),
            new NewTopic("compacted", 1, (short) 1).configs(compacted),
            new NewTopic("compacted.transactions", 1, (short) 1).configs(compacted),
            new NewTopic("stamped", 1, (short) 1).configs(stamped),
            new NewTopic("tuned", 1, (short) 1).configs(tuned),
            new NewTopic("grown", 1, (short) 1).configs(Map.of("retention.ms", "-1")),
            new NewTopic("deleted", 2, (short) 1))).all().get();
        plain();
        transactions();
        compacted();
        open("left-open");
        groups();
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
            send(producer, records("stamped", 0, "stamped", 5), 2);
            send(producer, records("tuned", 0, "tuned", 5), 5);
            send(producer, records("deleted", 0, "deleted", 5), 5);
            send(producer, records("grown", 0, "grown", 3), 3);
        }
        admin.createPartitions(Map.of("grown", NewPartitions.increaseTo(3))).all().get();
        admin.deleteTopics(List.of("deleted")).all().get();
        settings();
        admin.deleteRecords(Map.of(new TopicPartition("plain", 1), RecordsToDelete.beforeOffset(7))).all().get();
    }

    private void plain() throws Exception {
        for (String compression : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            try (KafkaProducer<byte[], byte[]> producer =
                producer(Map.of("compression.type", compression, "linger.ms", 100))) {
                List<ProducerRecord<byte[], byte[]>> records = records("plain", 0, compression, 12);
                ProducerRecord<byte[], byte[]> headed = record("plain", 0, null, "no key, but headers");
                headed.headers().add("trace", bytes("a1b2")).add("trace", bytes("again")).add("empty", new byte[0]);
                headed.headers().add("null", null);
                records.add(headed);
                records.add(record("plain", 0, "no value", null));
                records.add(record("plain", 0, null, null));
                send(producer, records, 4);
            }
        }
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("enable.idempotence", false))) {
            send(producer, records("plain", 1, "without idempotence", 10), 3);
        }
    }

    /** Transactions of two producers that overlap, with records outside of transactions among them. */
    private void transactions() throws Exception {
        try (KafkaProducer<byte[], byte[]> first = transactional("first");
             KafkaProducer<byte[], byte[]> second = transactional("second");
             KafkaProducer<byte[], byte[]> outside = producer(Map.of("compression.type", "lz4", "linger.ms", 100))) {
            for (int round = 0; round < 6; round++) {
                first.beginTransaction();
                send(first, records("transactions", 0, "first " + round, 3), 2);
                second.beginTransaction();
                send(second, records("transactions", 0, "second " + round, 2), 2);
                send(outside, records("transactions", 0, "outside " + round, 2), 2);
                send(first, records("transactions", 0, "first, going on, " + round, 2), 2);
                if (round % 2 == 0) first.abortTransaction();
                else first.commitTransaction();
                send(second, records("plain", 1, "second " + round, 2), 2);
                if (round % 3 == 0) second.commitTransaction();
                else second.abortTransaction();
            }
        }
    }

    private void compacted() throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("compression.type", "snappy", "linger.ms", 100));
             KafkaProducer<byte[], byte[]> transactional = transactional("compacting")) {
            for (int round = 0; round < 10; round++) {
                List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
                for (int key = 0; key < 8; key++) {
                    String value = (round + key) % 5 == 0 ? null : "round " + round;
                    records.add(record("compacted", 0, "key-" + key, value));
                }
                send(producer, records, 4);
                transactional.beginTransaction();
                for (int key = 0; key < 4; key++) {
                    transactional.send(record("compacted.transactions", 0, "key-" + key, "round " + round));
                    transactional.flush();
                }
                if (round % 2 == 0) transactional.commitTransaction();
                else transactional.abortTransaction();
            }
        }
    }

    /** A transaction that nobody ends, with records behind it. */
    private void open(String id) throws Exception {
        KafkaProducer<byte[], byte[]> producer = transactional(id);
        producer.beginTransaction();
        send(producer, records("open", 0, id, 3), 2);
        producer.sendOffsetsToTransaction(Map.of(new TopicPartition("open", 0), new OffsetAndMetadata(3)),
            new ConsumerGroupMetadata("of-transactions"));
        try (KafkaProducer<byte[], byte[]> outside = producer(Map.of())) {
            send(outside, records("open", 0, "behind " + id, 3), 2);
        }
    }

    private void groups() throws Exception {
        for (String protocol : List.of("classic", "consumer")) {
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(
                Map.of("group.id", "of-" + protocol, "group.protocol", protocol, "enable.auto.commit", false))) {
                consumer.subscribe(List.of("plain"));
                int read = 0;
                while (read < 20) read += consumer.poll(Duration.ofMillis(200)).count();
                consumer.commitSync(Map.of(new TopicPartition("plain", 0), new OffsetAndMetadata(20, protocol),
                    new TopicPartition("plain", 1), new OffsetAndMetadata(9)));
            }
        }
        try (KafkaProducer<byte[], byte[]> producer = transactional("of-offsets")) {
            for (int i = 1; i <= 3; i++) {
                producer.beginTransaction();
                producer.sendOffsetsToTransaction(Map.of(new TopicPartition("plain", 0), new OffsetAndMetadata(i)),
                    new ConsumerGroupMetadata("of-transactions"));
                if (i == 3) producer.abortTransaction();
                else producer.commitTransaction();
            }
        }
    }

    private static AlterConfigOp set(String name, String value) {
        return new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET);
    }

    private static AlterConfigOp unset(String name) {
        return new AlterConfigOp(new ConfigEntry(name, ""), AlterConfigOp.OpType.DELETE);
    }

    /** What changes while a broker runs: some of it has no counterpart. */
    private void settings() throws Exception {
        ConfigResource tuned = new ConfigResource(ConfigResource.Type.TOPIC, "tuned");
        ConfigResource all = new ConfigResource(ConfigResource.Type.BROKER, "");
        ConfigResource one = new ConfigResource(ConfigResource.Type.BROKER, "1");
        admin.incrementalAlterConfigs(Map.of(
            tuned, List.of(set("retention.ms", "987654321000000"), unset("retention.bytes")),
            all, List.of(set("log.retention.bytes", "77777777"), set("log.cleaner.threads", "2")),
            one, List.of(set("message.max.bytes", "1500000"), set("follower.replication.throttled.rate", "1000")))).all().get();
        admin.alterClientQuotas(List.of(new ClientQuotaAlteration(
            new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, "slow")),
            List.of(new ClientQuotaAlteration.Op("producer_byte_rate", 1000.0))))).all().get();
        admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion("somebody",
            new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), "a password of a test"))).all().get();
    }

    /** After a restart: higher leader epochs, transactions on both sides of it, another one left open. */
    private void writeMore() throws Exception {
        plain();
        transactions();
        open("left-open-again");
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
            send(producer, records("compacted", 0, "key", 6), 2);
            send(producer, records("stamped", 0, "stamped again", 3), 2);
        }
    }

    private KafkaConsumer<byte[], byte[]> consumer(Map<String, ?> more) {
        Properties settings = settings(more);
        settings.putIfAbsent("auto.offset.reset", "earliest");
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /** A JSON object a line: topics, their partitions and records, groups, producers. */
    private void list() throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        Map<String, TopicDescription> topics = new TreeMap<>(
            admin.describeTopics(new TreeSet<>(admin.listTopics().names().get())).allTopicNames().get());
        out.println(JSON.createObjectNode().put("type", "cluster").put("clusterId", admin.describeCluster().clusterId().get()));
        List<TopicPartition> partitions = new ArrayList<>();
        for (TopicDescription topic : topics.values()) {
            ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic.name());
            ObjectNode line = JSON.createObjectNode().put("type", "topic").put("name", topic.name());
            line.put("topicId", topic.topicId().toString()).put("partitions", topic.partitions().size());
            ObjectNode configs = line.putObject("configs");
            for (ConfigEntry entry : admin.describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
                if (entry.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG) configs.put(entry.name(), entry.value());
            }
            out.println(line);
            for (int i = 0; i < topic.partitions().size(); i++) partitions.add(new TopicPartition(topic.name(), i));
        }
        Map<TopicPartition, ListOffsetsResultInfo> earliest = offsets(partitions, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED);
        Map<TopicPartition, ListOffsetsResultInfo> latest = offsets(partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED);
        Map<TopicPartition, ListOffsetsResultInfo> stable = offsets(partitions, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED);
        for (TopicPartition partition : partitions) {
            // Kafka's own records are not for clients.
            boolean isInternal = partition.topic().startsWith("__");
            List<ConsumerRecord<byte[], byte[]>> all = isInternal ? List.of()
                : read(partition, latest.get(partition).offset(), "read_uncommitted");
            Set<Long> committed = new HashSet<>();
            if (!isInternal) read(partition, stable.get(partition).offset(), "read_committed").forEach(r -> committed.add(r.offset()));
            ObjectNode line = JSON.createObjectNode().put("type", "partition").put("topic", partition.topic());
            line.put("partition", partition.partition()).put("logStartOffset", earliest.get(partition).offset());
            line.put("logEndOffset", latest.get(partition).offset()).put("lastStableOffset", stable.get(partition).offset());
            line.put("leaderEpoch", latest.get(partition).leaderEpoch().orElse(-1));
            ArrayNode producers = line.putArray("producers");
            Collection<ProducerState> states = admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers();
            for (ProducerState state : states.stream().sorted((a, b) -> Long.compare(a.producerId(), b.producerId())).toList()) {
                producers.addObject().put("producerId", state.producerId()).put("producerEpoch", state.producerEpoch())
                    .put("lastSequence", state.lastSequence()).put("lastTimestamp", state.lastTimestamp())
                    .put("coordinatorEpoch", state.coordinatorEpoch().orElse(-1))
                    .put("currentTxnStartOffset", state.currentTransactionStartOffset().orElse(-1));
            }
            out.println(line);
            for (ConsumerRecord<byte[], byte[]> record : all) out.println(line(record, committed.contains(record.offset())));
        }
        for (String group : List.of("of-classic", "of-consumer", "of-transactions")) {
            Map<TopicPartition, OffsetAndMetadata> committed =
                admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
            for (TopicPartition partition : committed.keySet().stream().sorted((a, b) -> a.toString().compareTo(b.toString())).toList()) {
                OffsetAndMetadata offset = committed.get(partition);
                out.println(JSON.createObjectNode().put("type", "offset").put("group", group).put("topic", partition.topic())
                    .put("partition", partition.partition()).put("offset", offset.offset()).put("metadata", offset.metadata()));
            }
        }
        out.flush();
    }

    private Map<TopicPartition, ListOffsetsResultInfo> offsets(List<TopicPartition> partitions, OffsetSpec spec, IsolationLevel isolation)
        throws Exception {
        return admin.listOffsets(partitions.stream().collect(Collectors.toMap(p -> p, p -> spec)), new ListOffsetsOptions(isolation)).all().get();
    }

    private List<ConsumerRecord<byte[], byte[]>> read(TopicPartition partition, long end, String isolation) {
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of("isolation.level", isolation))) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            while (consumer.position(partition) < end) consumer.poll(Duration.ofMillis(100)).forEach(records::add);
        }
        return records;
    }

    private static ObjectNode line(ConsumerRecord<byte[], byte[]> record, boolean isCommitted) {
        ObjectNode line = JSON.createObjectNode().put("type", "record").put("offset", record.offset());
        line.put("committed", isCommitted).put("timestamp", record.timestamp());
        line.put("timestampType", record.timestampType().name).put("leaderEpoch", record.leaderEpoch().orElse(-1));
        line.put("key", base64(record.key())).put("value", base64(record.value()));
        ArrayNode headers = line.putArray("headers");
        for (Header header : record.headers()) headers.addArray().add(header.key()).add(base64(header.value()));
        return line;
    }

    private static String base64(byte[] bytes) {
        return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
    }
}
