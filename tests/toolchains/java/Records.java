// Records to and from partitions: the producer, and the consumer with partitions assigned by hand.

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

class Records {
    static final Duration POLL = Duration.ofMillis(200);
    static final long PATIENCE_NS = 20_000_000_000L;

    static void addTo(Map<String, JavaClient.Operation> operations) {
        operations.put("produce", Records::produce);
        operations.put("begin transaction", Records::beginTransaction);
        operations.put("read", Records::read);
        operations.put("read from timestamp", Records::readFromTimestamp);
        operations.put("offset", Records::offset);
    }

    static Object produce(JsonNode question) throws Exception {
        Map<String, Object> own = Map.of(
                "acks", question.path("acks").asText("-1"),
                "compression.type", question.path("codec").asText("none"),
                "enable.idempotence", question.path("idempotent").asBoolean(false),
                "max.request.size", 64 << 20,
                "max.block.ms", 2000,
                "linger.ms", 20);
        List<Map<String, Object>> written = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = producer(question, own)) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (JsonNode record : question.get("records")) {
                sent.add(producer.send(recordFor(question, record)));
            }
            producer.flush();
            for (Future<RecordMetadata> future : sent) {
                RecordMetadata place = future.get();
                written.add(Map.of("partition", place.partition(), "offset", place.offset()));
            }
        }
        return written;
    }

    static Object beginTransaction(JsonNode question) {
        Map<String, Object> own = Map.of("transactional.id", JavaClient.text(question, "id"), "max.block.ms", 2000);
        try (KafkaProducer<byte[], byte[]> producer = producer(question, own)) {
            producer.initTransactions();
        }
        return null;
    }

    static KafkaProducer<byte[], byte[]> producer(JsonNode question, Map<String, Object> own) {
        Map<String, Object> settings = JavaClient.settings(question, own);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static ProducerRecord<byte[], byte[]> recordFor(JsonNode question, JsonNode record) {
        ProducerRecord<byte[], byte[]> made = new ProducerRecord<>(
                JavaClient.text(question, "topic"),
                record.hasNonNull("partition") ? record.get("partition").asInt() : null,
                record.hasNonNull("timestamp") ? record.get("timestamp").asLong() : null,
                bytes(record.get("key")),
                bytes(record.get("value")));
        record.path("headers").fields().forEachRemaining(
                header -> made.headers().add(header.getKey(), bytes(header.getValue())));
        return made;
    }

    static Object read(JsonNode question) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(question, Map.of())) {
            TopicPartition partition = assign(consumer, question);
            consumer.seek(partition, question.get("offset").asLong());
            return take(consumer, question.get("count").asInt());
        }
    }

    static Object readFromTimestamp(JsonNode question) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(question, Map.of())) {
            TopicPartition partition = assign(consumer, question);
            long timestamp = question.get("timestamp").asLong();
            OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, timestamp)).get(partition);
            consumer.seek(partition, found.offset());
            return take(consumer, question.get("count").asInt());
        }
    }

    /** Where the partition begins or ends, or the first record not before a timestamp is; -1 where there is none. */
    static Object offset(JsonNode question) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(question, Map.of())) {
            TopicPartition partition = assign(consumer, question);
            switch (JavaClient.text(question, "at")) {
                case "earliest":
                    return consumer.beginningOffsets(List.of(partition)).get(partition);
                case "latest":
                    return consumer.endOffsets(List.of(partition)).get(partition);
                default:
                    long timestamp = question.get("at").asLong();
                    OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, timestamp)).get(partition);
                    return found == null ? -1 : found.offset();
            }
        }
    }

    static TopicPartition assign(KafkaConsumer<byte[], byte[]> consumer, JsonNode question) {
        int number = question.path("partition").asInt(0);
        TopicPartition partition = new TopicPartition(JavaClient.text(question, "topic"), number);
        consumer.assign(List.of(partition));
        return partition;
    }

    static KafkaConsumer<byte[], byte[]> consumer(JsonNode question, Map<String, Object> own) {
        Map<String, Object> settings = JavaClient.settings(question, own);
        settings.putIfAbsent("auto.offset.reset", "none");
        settings.putIfAbsent("enable.auto.commit", "false");
        settings.putIfAbsent("allow.auto.create.topics", "false");
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /** Exactly `count` records; fewer in good time fail the question. */
    static List<Map<String, Object>> take(KafkaConsumer<byte[], byte[]> consumer, int count) {
        List<Map<String, Object>> taken = new ArrayList<>();
        long deadline = System.nanoTime() + PATIENCE_NS;
        while (taken.size() < count) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException(taken.size() + " of " + count + " records came");
            }
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                if (taken.size() < count) {
                    taken.add(described(record));
                }
            }
        }
        return taken;
    }

    static Map<String, Object> described(ConsumerRecord<byte[], byte[]> record) {
        Map<String, Object> headers = new java.util.HashMap<>();
        for (Header header : record.headers()) {
            headers.put(header.key(), string(header.value()));
        }
        Map<String, Object> described = new java.util.HashMap<>();
        described.put("partition", record.partition());
        described.put("offset", record.offset());
        described.put("timestamp", record.timestamp());
        described.put("key", string(record.key()));
        described.put("value", string(record.value()));
        described.put("headers", headers);
        return described;
    }

    static byte[] bytes(JsonNode text) {
        return text == null || text.isNull() ? null : text.asText().getBytes(StandardCharsets.UTF_8);
    }

    static String string(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }
}
