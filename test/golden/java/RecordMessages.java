import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;

/**
 * Reads lines of class, name, version and json, and writes golden cases: what Apache Kafka encodes for that JSON,
 * and the JSON that Kafka gives for it. record-messages.sh runs it.
 */
public final class RecordMessages {
    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        ObjectMapper mapper = new ObjectMapper();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode input = mapper.readTree(line);
            short version = input.get("version").shortValue();
            Class<?> type = Class.forName(input.get("class").textValue());
            Class<?> converter = Class.forName(type.getName() + "JsonConverter");
            Message message = (Message) converter.getMethod("read", JsonNode.class, short.class)
                .invoke(null, input.get("json"), version);
            ByteBufferAccessor bytes = MessageUtil.toByteBufferAccessor(message, version);
            byte[] array = new byte[bytes.buffer().remaining()];
            bytes.buffer().get(array);
            Method write = converter.getMethod("write", type, short.class);
            out.printf("{\"name\":%s,\"version\":%d,\"hex\":\"%s\",\"json\":%s}%n", input.get("name"), version,
                HexFormat.of().formatHex(array), write.invoke(null, message, version));
        }
        out.flush();
    }
}
