import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/**
 * Kafka's generated message classes, asked on stdin, a question a line: NAME VERSION HEX JSON, where HEX and JSON
 * are the same message. The answer is a line, too: the HEX that Kafka makes of the JSON, a space, and the JSON
 * that Kafka makes of the HEX; or "unknown" where this Kafka has no such message or version; or "error ...".
 */
public class KafkaOracle {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HexFormat HEX = HexFormat.of();
    private static final Map<String, Kind> KINDS = new HashMap<>();

    private record Kind(Class<?> message, Class<?> converter) { }

    private static Kind kind(String name) {
        String[] packages = {"common.message", "coordinator.group.generated", "coordinator.transaction.generated"};
        for (String place : packages) {
            for (String ending : new String[] {"Data", ""}) {
                String path = "org.apache.kafka." + place + "." + name + ending;
                try {
                    return new Kind(Class.forName(path), Class.forName(path + "JsonConverter"));
                } catch (ClassNotFoundException absent) {
                    continue;
                }
            }
        }
        return null;
    }

    private static String answer(String question) throws ReflectiveOperationException, java.io.IOException {
        String[] words = question.split(" ", 4);
        Kind kind = KINDS.computeIfAbsent(words[0], KafkaOracle::kind);
        if (kind == null) {
            return "unknown";
        }
        short version = Short.parseShort(words[1]);
        Message decoded = (Message) kind.message.getDeclaredConstructor().newInstance();
        if (version < decoded.lowestSupportedVersion() || version > decoded.highestSupportedVersion()) {
            return "unknown";
        }
        ByteBuffer bytes = ByteBuffer.wrap(HEX.parseHex(words[2]));
        decoded.read(new ByteBufferAccessor(bytes), version);
        if (bytes.hasRemaining()) {
            return "error " + bytes.remaining() + " bytes left over";
        }
        Object json = kind.converter.getMethod("write", kind.message, short.class).invoke(null, decoded, version);
        Message read = (Message) kind.converter.getMethod("read", JsonNode.class, short.class)
            .invoke(null, JSON.readTree(words[3]), version);
        ObjectSerializationCache sizes = new ObjectSerializationCache();
        ByteBuffer encoded = ByteBuffer.allocate(read.size(sizes, version));
        read.write(new ByteBufferAccessor(encoded), sizes, version);
        return HEX.formatHex(encoded.array()) + " " + JSON.writeValueAsString(json);
    }

    public static void main(String[] arguments) throws java.io.IOException {
        BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String question = questions.readLine(); question != null; question = questions.readLine()) {
            String line;
            try {
                line = answer(question);
            } catch (Exception | Error failure) {
                Throwable cause = failure.getCause() == null ? failure : failure.getCause();
                line = "error " + cause.toString().replace('\n', ' ');
            }
            answers.println(line);
        }
        answers.flush();
    }
}
