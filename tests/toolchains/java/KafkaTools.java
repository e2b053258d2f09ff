// Kafka's command-line tools behind one standard input: a line of JSON names a main class, its arguments and what is
// typed into it; the answer is a line with its exit status and what it printed. Exits are caught where Kafka's tools
// ask for them, so that one process serves many runs.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.utils.Exit;

public class KafkaTools {
    /** Thrown where a tool asks to end the process. */
    static class Ended extends Error {
        Ended() {
            super(null, null, false, false);
        }
    }

    static final ObjectMapper JSON = new ObjectMapper();
    // The first status asked for is the tool's: some catch everything, this error included, and exit once more.
    static volatile Integer status;

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = System.out;
        // A thread that outlives its tool may still print: standard output carries nothing but answers.
        System.setOut(System.err);
        BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Exit.Procedure end = (code, message) -> {
            if (status == null) {
                status = code;
            }
            throw new Ended();
        };
        Exit.setExitProcedure(end);
        Exit.setHaltProcedure(end);
        List<Runnable> hooks = new ArrayList<>();
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        for (String line = questions.readLine(); line != null; line = questions.readLine()) {
            Map<String, Object> finished = run(JSON.readTree(line), hooks);
            answers.println(JSON.writeValueAsString(Map.of("result", finished)));
            answers.flush();
        }
    }

    static Map<String, Object> run(JsonNode question, List<Runnable> hooks) throws Exception {
        PrintStream output = System.out;
        PrintStream errors = System.err;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        ByteArrayOutputStream complained = new ByteArrayOutputStream();
        System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(complained, true, StandardCharsets.UTF_8));
        System.setIn(new ByteArrayInputStream(question.get("typed").asText().getBytes(StandardCharsets.UTF_8)));
        status = null;
        try {
            String[] arguments = JSON.convertValue(question.get("arguments"), String[].class);
            Class<?> tool = Class.forName(question.get("main").asText());
            tool.getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException wrapped) {
            // Some tools wrap what they catch, the end included; the status says that it was asked for.
            if (status == null) {
                // An exception that leaves main ends a process with status 1 and its stack trace.
                wrapped.getCause().printStackTrace(System.err);
                status = 1;
            }
        } finally {
            // What the end of the process would do: kafka-console-producer sends its last records in a hook.
            hooks.forEach(Runnable::run);
            hooks.clear();
            System.out.flush();
            System.err.flush();
            System.setOut(output);
            System.setErr(errors);
        }
        return Map.of(
                "status", status == null ? 0 : status,
                "output", printed.toString(StandardCharsets.UTF_8),
                "errors", complained.toString(StandardCharsets.UTF_8));
    }
}
