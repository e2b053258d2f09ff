// The AdminClient: topics, configs, groups, offsets, records and the cluster.

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.DescribeProducersResult.PartitionProducerState;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;

class Administration {
    interface Work {
        Object with(Admin admin, JsonNode question) throws Exception;
    }

    static void addTo(Map<String, JavaClient.Operation> operations) {
        Map<String, Work> works = new HashMap<>();
        works.put("create topic", Administration::createTopic);
        works.put("topics", (admin, question) -> admin.listTopics().names().get());
        works.put("describe topic", Administration::describeTopic);
        works.put("describe topic by id", Administration::describeTopicById);
        works.put("delete topic", (admin, question) -> admin.deleteTopics(List.of(topic(question))).all().get());
        works.put("delete topic by id", (admin, question) ->
                admin.deleteTopics(TopicCollection.ofTopicIds(List.of(topicId(question)))).all().get());
        works.put("create partitions", Administration::createPartitions);
        works.put("configs", Administration::configs);
        works.put("alter configs", Administration::alterConfigs);
        works.put("config resources", Administration::configResources);
        works.put("groups", Administration::groups);
        works.put("describe group", Administration::describeGroup);
        works.put("delete group", (admin, question) ->
                admin.deleteConsumerGroups(List.of(group(question))).all().get());
        works.put("remove static member", Administration::removeStaticMember);
        works.put("group offsets", Administration::groupOffsets);
        works.put("set group offset", Administration::setGroupOffset);
        works.put("delete group offset", (admin, question) ->
                admin.deleteConsumerGroupOffsets(group(question), Set.of(partition(question))).all().get());
        works.put("list offset", Administration::listOffset);
        works.put("delete records", Administration::deleteRecords);
        works.put("cluster", Administration::cluster);
        works.put("log directories", Administration::logDirectories);
        works.put("producers", Administration::producers);
        works.put("features", (admin, question) ->
                admin.describeFeatures().featureMetadata().get().supportedFeatures().keySet());
        works.forEach((name, work) -> operations.put(name, question -> {
            try (Admin admin = Admin.create(JavaClient.settings(question, Map.of()))) {
                return work.with(admin, question);
            }
        }));
    }

    static Object createTopic(Admin admin, JsonNode question) throws Exception {
        Map<String, String> configs = new HashMap<>();
        question.path("configs").fields().forEachRemaining(
                config -> configs.put(config.getKey(), config.getValue().asText()));
        Optional<Integer> partitions =
                question.has("partitions") ? Optional.of(question.get("partitions").asInt()) : Optional.empty();
        Optional<Short> replicas =
                question.has("replicas") ? Optional.of((short) question.get("replicas").asInt()) : Optional.empty();
        NewTopic wanted = new NewTopic(topic(question), partitions, replicas).configs(configs);
        boolean validateOnly = question.path("validate only").asBoolean(false);
        var created = admin.createTopics(List.of(wanted), new CreateTopicsOptions().validateOnly(validateOnly));
        created.all().get();
        return created.numPartitions(topic(question)).get();
    }

    static Object describeTopic(Admin admin, JsonNode question) throws Exception {
        return described(admin.describeTopics(List.of(topic(question))).allTopicNames().get().get(topic(question)));
    }

    static Object describeTopicById(Admin admin, JsonNode question) throws Exception {
        var found = admin.describeTopics(TopicCollection.ofTopicIds(List.of(topicId(question))));
        return described(found.allTopicIds().get().get(topicId(question)));
    }

    static Map<String, Object> described(TopicDescription found) {
        return Map.of(
                "name", found.name(),
                "id", found.topicId().toString(),
                "internal", found.isInternal(),
                "partitions", found.partitions().size(),
                "leaders", found.partitions().stream().map(partition -> partition.leader().id()).toList());
    }

    static Object createPartitions(Admin admin, JsonNode question) throws Exception {
        NewPartitions wanted = NewPartitions.increaseTo(question.get("partitions").asInt());
        return admin.createPartitions(Map.of(topic(question), wanted)).all().get();
    }

    static Object configs(Admin admin, JsonNode question) throws Exception {
        ConfigResource resource = resource(question);
        Config config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
        Map<String, String> values = new TreeMap<>();
        config.entries().forEach(entry -> values.put(entry.name(), entry.value()));
        return values;
    }

    static Object alterConfigs(Admin admin, JsonNode question) throws Exception {
        List<AlterConfigOp> changes = new ArrayList<>();
        question.get("configs").fields().forEachRemaining(config -> {
            String value = config.getValue().isNull() ? null : config.getValue().asText();
            AlterConfigOp.OpType type = value == null ? AlterConfigOp.OpType.DELETE : AlterConfigOp.OpType.SET;
            changes.add(new AlterConfigOp(new ConfigEntry(config.getKey(), value), type));
        });
        return admin.incrementalAlterConfigs(Map.of(resource(question), changes)).all().get();
    }

    static Object configResources(Admin admin, JsonNode question) throws Exception {
        return admin.listConfigResources().all().get().stream()
                .map(resource -> resource.type() + ":" + resource.name()).sorted().toList();
    }

    static Object groups(Admin admin, JsonNode question) throws Exception {
        return admin.listGroups().all().get().stream().map(listing -> listing.groupId()).sorted().toList();
    }

    static Object describeGroup(Admin admin, JsonNode question) throws Exception {
        String group = group(question);
        ConsumerGroupDescription found = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        return Map.of(
                "state", found.groupState().toString(),
                "assignor", found.partitionAssignor(),
                "members", found.members().stream().map(member -> member.clientId()).sorted().toList(),
                "instances", found.members().stream().flatMap(member -> member.groupInstanceId().stream()).toList(),
                "partitions", found.members().stream()
                        .mapToInt(member -> member.assignment().topicPartitions().size()).sum());
    }

    static Object removeStaticMember(Admin admin, JsonNode question) throws Exception {
        var gone = new RemoveMembersFromConsumerGroupOptions(
                Set.of(new MemberToRemove(JavaClient.text(question, "instance"))));
        return admin.removeMembersFromConsumerGroup(group(question), gone).all().get();
    }

    static Object groupOffsets(Admin admin, JsonNode question) throws Exception {
        Map<String, Long> offsets = new TreeMap<>();
        admin.listConsumerGroupOffsets(group(question)).partitionsToOffsetAndMetadata().get()
                .forEach((partition, found) -> offsets.put(partition.toString(), found.offset()));
        return offsets;
    }

    static Object setGroupOffset(Admin admin, JsonNode question) throws Exception {
        OffsetAndMetadata offset = new OffsetAndMetadata(question.get("offset").asLong(), "by hand");
        return admin.alterConsumerGroupOffsets(group(question), Map.of(partition(question), offset)).all().get();
    }

    static Object listOffset(Admin admin, JsonNode question) throws Exception {
        OffsetSpec spec = switch (JavaClient.text(question, "at")) {
            case "earliest" -> OffsetSpec.earliest();
            case "latest" -> OffsetSpec.latest();
            case "max timestamp" -> OffsetSpec.maxTimestamp();
            case "earliest local" -> OffsetSpec.earliestLocal();
            case "latest tiered" -> OffsetSpec.latestTiered();
            default -> OffsetSpec.forTimestamp(question.get("at").asLong());
        };
        var found = admin.listOffsets(Map.of(partition(question), spec)).all().get().get(partition(question));
        return Map.of("offset", found.offset(), "timestamp", found.timestamp());
    }

    static Object deleteRecords(Admin admin, JsonNode question) throws Exception {
        RecordsToDelete before = RecordsToDelete.beforeOffset(question.get("offset").asLong());
        var deleted = admin.deleteRecords(Map.of(partition(question), before));
        return deleted.lowWatermarks().get(partition(question)).get().lowWatermark();
    }

    static Object cluster(Admin admin, JsonNode question) throws Exception {
        var found = admin.describeCluster();
        return Map.of(
                "id", found.clusterId().get(),
                "controller", found.controller().get().id(),
                "nodes", found.nodes().get().stream().map(node -> node.host() + ":" + node.port()).toList());
    }

    static Object logDirectories(Admin admin, JsonNode question) throws Exception {
        int node = admin.describeCluster().controller().get().id();
        Map<String, Long> sizes = new TreeMap<>();
        for (LogDirDescription directory : admin.describeLogDirs(List.of(node)).allDescriptions().get().get(node).values()) {
            sizes.put("total", directory.totalBytes().orElse(-1));
            directory.replicaInfos().forEach((partition, replica) -> sizes.put(partition.toString(), replica.size()));
        }
        return sizes;
    }

    static Object producers(Admin admin, JsonNode question) throws Exception {
        PartitionProducerState found =
                admin.describeProducers(List.of(partition(question))).partitionResult(partition(question)).get();
        return found.activeProducers().stream().map(producer -> producer.lastSequence()).toList();
    }

    static ConfigResource resource(JsonNode question) {
        return question.has("broker")
                ? new ConfigResource(ConfigResource.Type.BROKER, JavaClient.text(question, "broker"))
                : new ConfigResource(ConfigResource.Type.TOPIC, topic(question));
    }

    static TopicPartition partition(JsonNode question) {
        return new TopicPartition(topic(question), question.path("partition").asInt(0));
    }

    static String topic(JsonNode question) {
        return JavaClient.text(question, "topic");
    }

    static Uuid topicId(JsonNode question) {
        return Uuid.fromString(JavaClient.text(question, "id"));
    }

    static String group(JsonNode question) {
        return JavaClient.text(question, "group");
    }
}
