// The Java client (kafka-clients) behind standard input: a line of JSON asks for an operation, a line answers.
// The operations have the same names and answers in every language of this directory; see ../README.md.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.protocol.Errors;

public class JavaClient {
    interface Operation {
        /** What is answered as "result"; null where there is nothing to say. */
        Object run(JsonNode question) throws Exception;
    }

    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = System.out;
        System.setOut(System.err);
        Map<String, Operation> operations = new HashMap<>();
        Records.addTo(operations);
        Groups.addTo(operations);
        Administration.addTo(operations);
        BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = questions.readLine(); line != null; line = questions.readLine()) {
            answers.println(JSON.writeValueAsString(answer(operations, JSON.readTree(line))));
            answers.flush();
        }
    }

    static Map<String, Object> answer(Map<String, Operation> operations, JsonNode question) {
        Map<String, Object> answer = new HashMap<>();
        try {
            answer.put("result", operations.get(question.get("operation").asText()).run(question));
        } catch (Exception raised) {
            Throwable cause = raised;
            while (wraps(cause) && cause.getCause() != null) {
                cause = cause.getCause();
            }
            answer.put("error", nameOf(cause));
            answer.put("message", String.valueOf(cause));
        }
        return answer;
    }

    static boolean wraps(Throwable raised) {
        return raised instanceof ExecutionException
                || raised instanceof CompletionException
                || raised.getClass() == KafkaException.class;
    }

    static String nameOf(Throwable cause) {
        Errors error = Errors.forException(cause);
        return error == Errors.UNKNOWN_SERVER_ERROR ? cause.getClass().getSimpleName() : error.name();
    }

    /** Settings that every client has, and those that the question adds. */
    static Map<String, Object> settings(JsonNode question, Map<String, Object> own) {
        Map<String, Object> settings = new HashMap<>(own);
        settings.put("bootstrap.servers", question.get("bootstrap").asText());
        settings.put("request.timeout.ms", "15000");
        settings.put("default.api.timeout.ms", "20000");
        if (question.has("settings")) {
            question.get("settings").fields().forEachRemaining(
                    setting -> settings.put(setting.getKey(), setting.getValue().asText()));
        }
        return settings;
    }

    static String text(JsonNode question, String name) {
        return question.get(name).asText();
    }
}
