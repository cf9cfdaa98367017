import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The broker under test, with clients whose settings are the defaults but for what a scenario names. */
final class Cluster implements AutoCloseable {
    final String bootstrap;
    final Admin admin;

    Cluster(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(settings(Map.of()));
    }

    Properties settings(Map<String, ?> more) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.putAll(more);
        return settings;
    }

    KafkaProducer<String, String> producer(Map<String, ?> more) {
        return new KafkaProducer<>(settings(more), new StringSerializer(), new StringSerializer());
    }

    KafkaConsumer<String, String> consumer(Map<String, ?> more) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("auto.offset.reset", "earliest");
        settings.putAll(more);
        return new KafkaConsumer<>(settings(settings), new StringDeserializer(), new StringDeserializer());
    }

    String newTopic(String prefix, int partitions) throws Exception {
        return newTopic(prefix, partitions, Map.of());
    }

    String newTopic(String prefix, int partitions, Map<String, String> configs) throws Exception {
        String name = unique(prefix);
        NewTopic topic = new NewTopic(name, partitions, (short) 1).configs(configs);
        admin.createTopics(List.of(topic)).all().get();
        return name;
    }

    /** Sends `count` records of numbers from `first` on, and waits for their acknowledgements. */
    void produce(String topic, int first, int count) {
        try (KafkaProducer<String, String> producer = producer(Map.of())) {
            for (int i = first; i < first + count; i++) {
                producer.send(new ProducerRecord<>(topic, "key-" + i, Integer.toString(i)));
            }
        }
    }

    static String unique(String prefix) {
        return prefix + "-" + UUID.randomUUID().toString().substring(0, 8);
    }

    @Override
    public void close() {
        admin.close();
    }
}
