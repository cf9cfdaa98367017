import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.ListConfigResourcesOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

final class AdminScenarios {
    static void add(Map<String, JavaClient.Scenario> all) {
        all.put("describe-cluster", AdminScenarios::describeCluster);
        all.put("topics", AdminScenarios::topics);
        all.put("topic-errors", AdminScenarios::topicErrors);
        all.put("topic-configs", AdminScenarios::topicConfigs);
        all.put("broker-configs", AdminScenarios::brokerConfigs);
        all.put("list-config-resources", AdminScenarios::listConfigResources);
        all.put("list-offsets", AdminScenarios::listOffsets);
        all.put("delete-records", AdminScenarios::deleteRecords);
        all.put("describe-log-dirs", AdminScenarios::describeLogDirs);
    }

    private static void describeCluster(Cluster cluster) throws Exception {
        DescribeClusterResult described = cluster.admin.describeCluster();
        Check.equal(1, described.nodes().get().size(), "the number of brokers");
        Check.equal(cluster.bootstrap, address(described), "the address");
        Check.equal(22, described.clusterId().get().length(), "the length of the cluster's id");
        Check.that(described.controller().get() != null, "there is a controller");
    }

    private static String address(DescribeClusterResult described) throws Exception {
        var node = described.nodes().get().iterator().next();
        return node.host() + ":" + node.port();
    }

    private static void topics(Cluster cluster) throws Exception {
        Admin admin = cluster.admin;
        String topic = Cluster.unique("java-topic");
        var created = admin.createTopics(List.of(new NewTopic(topic, 3, (short) 1)));
        Uuid id = created.topicId(topic).get();
        Check.equal(3, created.numPartitions(topic).get(), "the number of partitions");
        Check.that(created.config(topic).get().get("retention.ms") != null, "the answer has the settings");
        Check.that(admin.listTopics().names().get().contains(topic), "the topic is listed");

        TopicDescription described = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        Check.equal(id, described.topicId(), "the topic's id");
        Check.equal(3, described.partitions().size(), "the number of partitions");
        described.partitions().forEach(partition -> {
            Check.equal(1, partition.isr().size(), "the size of the ISR");
            Check.that(partition.leader() != null, "there is a leader");
        });
        Check.equal(topic, admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get().get(id).name(), "the name of the id");

        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
        Check.equal(5, admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size(), "the number after growth");

        admin.deleteTopics(List.of(topic)).all().get();
        Check.fails(UnknownTopicOrPartitionException.class, () -> admin.describeTopics(List.of(topic)).allTopicNames().get());
        Check.that(!admin.listTopics().names().get().contains(topic), "the topic is gone");

        admin.createTopics(List.of(new NewTopic(topic, Optional.empty(), Optional.empty()))).all().get();
        Uuid second = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId();
        Check.that(!second.equals(id), "a new topic of the same name has another id");
        admin.deleteTopics(TopicCollection.ofTopicIds(List.of(second))).all().get();
    }

    private static void topicErrors(Cluster cluster) throws Exception {
        Admin admin = cluster.admin;
        String topic = cluster.newTopic("java-errors", 1);
        Check.fails(TopicExistsException.class, () -> create(admin, new NewTopic(topic, 1, (short) 1), false));
        Check.fails(InvalidTopicException.class, () -> create(admin, new NewTopic("no/slash", 1, (short) 1), false));
        Check.fails(InvalidPartitionsException.class, () -> create(admin, new NewTopic(Cluster.unique("x"), 0, (short) 1), false));
        Check.fails(InvalidReplicationFactorException.class, () -> create(admin, new NewTopic(Cluster.unique("x"), 1, (short) 3), false));
        NewTopic wrong = new NewTopic(Cluster.unique("x"), 1, (short) 1).configs(Map.of("retention.ms", "soon"));
        Check.fails(InvalidConfigurationException.class, () -> create(admin, wrong, false));
        Check.fails(InvalidPartitionsException.class, () -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(1))).all().get());
        Check.fails(UnknownTopicOrPartitionException.class, () -> admin.deleteTopics(List.of(Cluster.unique("none"))).all().get());
        String validated = Cluster.unique("validated");
        create(admin, new NewTopic(validated, 1, (short) 1), true);
        Check.that(!admin.listTopics().names().get().contains(validated), "validating creates nothing");
    }

    private static void create(Admin admin, NewTopic topic, boolean validateOnly) throws Exception {
        admin.createTopics(List.of(topic), new CreateTopicsOptions().validateOnly(validateOnly)).all().get();
    }

    private static void topicConfigs(Cluster cluster) throws Exception {
        Admin admin = cluster.admin;
        String topic = cluster.newTopic("java-configs", 1, Map.of("retention.ms", "60000"));
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        ConfigEntry entry = config(admin, resource).get("retention.ms");
        Check.equal("60000", entry.value(), "the value");
        Check.equal(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, entry.source(), "where it comes from");
        Check.equal(ConfigEntry.ConfigType.LONG, entry.type(), "its type");
        Check.equal("delete", config(admin, resource).get("cleanup.policy").value(), "a default");

        alter(admin, resource, new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.APPEND);
        Check.equal("delete,compact", config(admin, resource).get("cleanup.policy").value(), "an appended value");
        alter(admin, resource, new ConfigEntry("cleanup.policy", "delete"), AlterConfigOp.OpType.SUBTRACT);
        Check.equal("compact", config(admin, resource).get("cleanup.policy").value(), "a value after subtraction");
        alter(admin, resource, new ConfigEntry("retention.ms", null), AlterConfigOp.OpType.DELETE);
        Check.equal(ConfigEntry.ConfigSource.DEFAULT_CONFIG, config(admin, resource).get("retention.ms").source(), "where a deleted one comes from");
        Check.fails(
            InvalidConfigurationException.class,
            () -> alter(admin, resource, new ConfigEntry("max.message.bytes", "-5"), AlterConfigOp.OpType.SET));
        Check.fails(
            InvalidConfigurationException.class,
            () -> alter(admin, resource, new ConfigEntry("no.such.setting", "1"), AlterConfigOp.OpType.SET));
        Check.fails(
            UnknownTopicOrPartitionException.class,
            () -> config(admin, new ConfigResource(ConfigResource.Type.TOPIC, Cluster.unique("none"))));
    }

    private static void brokerConfigs(Cluster cluster) throws Exception {
        Admin admin = cluster.admin;
        String id = cluster.admin.describeCluster().nodes().get().iterator().next().idString();
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, id);
        ConfigResource all = new ConfigResource(ConfigResource.Type.BROKER, "");
        Check.that(config(admin, broker).get("log.segment.bytes") != null, "the broker's settings are shown");
        alter(admin, all, new ConfigEntry("log.retention.ms", "123456"), AlterConfigOp.OpType.SET);
        Check.eventually("the default reaching the broker", () -> {
            ConfigEntry entry = config(admin, broker).get("log.retention.ms");
            return "123456".equals(entry.value()) && entry.source() == ConfigEntry.ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG;
        });
        alter(admin, broker, new ConfigEntry("log.retention.ms", "234567"), AlterConfigOp.OpType.SET);
        Check.eventually("the broker's own value winning", () -> "234567".equals(config(admin, broker).get("log.retention.ms").value()));
        alter(admin, broker, new ConfigEntry("log.retention.ms", null), AlterConfigOp.OpType.DELETE);
        alter(admin, all, new ConfigEntry("log.retention.ms", null), AlterConfigOp.OpType.DELETE);
        Check.eventually("the value being gone", () -> {
            return config(admin, broker).get("log.retention.ms").source() == ConfigEntry.ConfigSource.DEFAULT_CONFIG
                || config(admin, broker).get("log.retention.ms").value() == null;
        });
    }

    private static Config config(Admin admin, ConfigResource resource) throws Exception {
        var options = new DescribeConfigsOptions().includeSynonyms(true);
        return admin.describeConfigs(List.of(resource), options).all().get().get(resource);
    }

    private static void alter(Admin admin, ConfigResource resource, ConfigEntry entry, AlterConfigOp.OpType type) throws Exception {
        Collection<AlterConfigOp> operations = List.of(new AlterConfigOp(entry, type));
        admin.incrementalAlterConfigs(Map.of(resource, operations)).all().get();
    }

    private static void listConfigResources(Cluster cluster) throws Exception {
        String topic = cluster.newTopic("java-resources", 1);
        var resources = cluster.admin
            .listConfigResources(Set.of(ConfigResource.Type.TOPIC, ConfigResource.Type.BROKER), new ListConfigResourcesOptions())
            .all()
            .get();
        Check.that(resources.contains(new ConfigResource(ConfigResource.Type.TOPIC, topic)), "the topic is listed");
        Check.that(resources.stream().anyMatch(resource -> resource.type() == ConfigResource.Type.BROKER), "the broker is listed");
    }

    private static void listOffsets(Cluster cluster) throws Exception {
        String topic = cluster.newTopic("java-offsets", 1);
        try (KafkaProducer<String, String> producer = cluster.producer(Map.of())) {
            long[] times = {1000, 5000, 3000};
            for (long time : times) producer.send(new ProducerRecord<>(topic, 0, time, null, "at " + time)).get();
        }
        Check.equal(0L, offset(cluster, topic, OffsetSpec.earliest()).offset(), "the earliest offset");
        Check.equal(3L, offset(cluster, topic, OffsetSpec.latest()).offset(), "the latest offset");
        ListOffsetsResultInfo max = offset(cluster, topic, OffsetSpec.maxTimestamp());
        Check.equal(1L, max.offset(), "the offset of the youngest record");
        Check.equal(5000L, max.timestamp(), "the time of the youngest record");
        Check.equal(1L, offset(cluster, topic, OffsetSpec.forTimestamp(1001)).offset(), "the offset at a time");
        Check.equal(-1L, offset(cluster, topic, OffsetSpec.forTimestamp(6000)).offset(), "the offset past all times");
    }

    private static ListOffsetsResultInfo offset(Cluster cluster, String topic, OffsetSpec spec) throws Exception {
        TopicPartition partition = new TopicPartition(topic, 0);
        return cluster.admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get();
    }

    private static void deleteRecords(Cluster cluster) throws Exception {
        String topic = cluster.newTopic("java-delete", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        cluster.produce(topic, 0, 10);
        var deleted = cluster.admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(4)));
        Check.equal(4L, deleted.lowWatermarks().get(partition).get().lowWatermark(), "the low watermark");
        Check.equal(4L, offset(cluster, topic, OffsetSpec.earliest()).offset(), "the earliest offset");
        Check.fails(
            OffsetOutOfRangeException.class,
            () -> cluster.admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(11))).all().get());
        cluster.admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(-1))).all().get();
        Check.equal(10L, offset(cluster, topic, OffsetSpec.earliest()).offset(), "the earliest offset of an emptied log");
    }

    private static void describeLogDirs(Cluster cluster) throws Exception {
        String topic = cluster.newTopic("java-dirs", 1);
        cluster.produce(topic, 0, 100);
        int id = cluster.admin.describeCluster().nodes().get().iterator().next().id();
        var folders = cluster.admin.describeLogDirs(List.of(id)).allDescriptions().get().get(id);
        Check.equal(1, folders.size(), "the number of folders");
        var folder = folders.values().iterator().next();
        Check.that(folder.replicaInfos().get(new TopicPartition(topic, 0)).size() > 0, "the partition has a size");
        Check.that(folder.totalBytes().orElse(0) > 0 && folder.usableBytes().orElse(0) > 0, "the disk has a size");
    }
}
