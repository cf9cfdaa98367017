import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Sends numbers with the producer's defaults until its input ends: SteadyProducer BOOTSTRAP TOPIC. Prints each that was
 * acknowledged, and "FAILED" with the reason for each that was not.
 */
public final class SteadyProducer {
    public static void main(String[] args) throws Exception {
        var stopped = new AtomicBoolean();
        var input = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {}
            } catch (java.io.IOException end) {
                // The input has ended, one way or the other.
            }
            stopped.set(true);
        });
        input.setDaemon(true);
        input.start();
        Map<String, Object> settings = Map.of("bootstrap.servers", args[0]);
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (int number = 0; !stopped.get(); number++) {
                String value = String.valueOf(number);
                producer.send(new ProducerRecord<>(args[1], value), (metadata, error) ->
                    System.out.println(error == null ? value : "FAILED " + error));
                Thread.sleep(20);
            }
        }
        System.out.flush();
    }
}
