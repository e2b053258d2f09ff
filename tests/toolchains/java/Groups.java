// Consumer groups: members that stay open between questions, by a name that the test gives them.

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

class Groups {
    static final Map<String, KafkaConsumer<byte[], byte[]>> members = new HashMap<>();

    static void addTo(Map<String, JavaClient.Operation> operations) {
        operations.put("consume", Groups::consume);
        operations.put("join", Groups::join);
        operations.put("assignments", Groups::assignments);
        operations.put("leave", Groups::leave);
        operations.put("committed", Groups::committed);
    }

    /** One member joins, takes `count` records, commits what it took where that is wanted, and leaves. */
    static Object consume(JsonNode question) {
        int count = question.get("count").asInt();
        Map<String, Object> own = new HashMap<>(groupSettings(question));
        // A poll returns no more than was asked for, so that the position is what was taken.
        own.put("max.poll.records", count);
        try (KafkaConsumer<byte[], byte[]> consumer = Records.consumer(question, own)) {
            consumer.subscribe(List.of(JavaClient.text(question, "topic")));
            List<Map<String, Object>> taken = Records.take(consumer, count);
            if (question.path("commit").asBoolean(false)) {
                consumer.commitSync();
            }
            return taken;
        }
    }

    static Object join(JsonNode question) {
        Map<String, Object> own = new HashMap<>(groupSettings(question));
        // Members learn of a rebalance by their heartbeats.
        own.put("heartbeat.interval.ms", 300);
        KafkaConsumer<byte[], byte[]> consumer = Records.consumer(question, own);
        consumer.subscribe(List.of(JavaClient.text(question, "topic")));
        members.put(JavaClient.text(question, "member"), consumer);
        return null;
    }

    /** Which partitions each member has, once every one of `partitions` has exactly one owner and nobody is idle. */
    static Object assignments(JsonNode question) {
        int partitions = question.get("partitions").asInt();
        long deadline = System.nanoTime() + Records.PATIENCE_NS;
        while (System.nanoTime() < deadline) {
            Map<String, List<Integer>> owned = new TreeMap<>();
            members.forEach((name, consumer) -> {
                consumer.poll(Records.POLL);
                owned.put(name, consumer.assignment().stream().map(TopicPartition::partition).sorted().toList());
            });
            List<Integer> all = new ArrayList<>();
            owned.values().forEach(all::addAll);
            boolean everyoneHasSome = owned.values().stream().noneMatch(List::isEmpty);
            if (all.size() == partitions && all.stream().distinct().count() == partitions && everyoneHasSome) {
                return owned;
            }
        }
        throw new IllegalStateException("the group did not settle");
    }

    static Object leave(JsonNode question) {
        members.remove(JavaClient.text(question, "member")).close();
        return null;
    }

    static Object committed(JsonNode question) {
        Map<String, Object> own = groupSettings(question);
        TopicPartition partition =
                new TopicPartition(JavaClient.text(question, "topic"), question.path("partition").asInt(0));
        try (KafkaConsumer<byte[], byte[]> consumer = Records.consumer(question, own)) {
            OffsetAndMetadata found = consumer.committed(java.util.Set.of(partition)).get(partition);
            return found == null ? -1 : found.offset();
        }
    }

    static Map<String, Object> groupSettings(JsonNode question) {
        return Map.of("group.id", JavaClient.text(question, "group"), "auto.offset.reset", "earliest");
    }
}
