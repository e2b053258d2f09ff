// kadm: topics, configs, groups, records and the cluster.
package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
)

func administer(asked question, work func(context.Context, *kadm.Client) (any, error)) (any, error) {
	client, err := connect(asked)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return work(ctx, kadm.NewClient(client))
}

func createTopic(asked question) (any, error) {
	return administer(asked, func(ctx context.Context, admin *kadm.Client) (any, error) {
		partitions, replicas := int32(-1), int16(-1)
		if asked.Partitions != 0 {
			partitions = asked.Partitions
		}
		if asked.Replicas != nil {
			replicas = *asked.Replicas
		}
		created, err := admin.CreateTopic(ctx, partitions, replicas, asked.Configs, asked.Topic)
		return created.NumPartitions, err
	})
}

func topics(asked question) (any, error) {
	return administer(asked, func(ctx context.Context, admin *kadm.Client) (any, error) {
		found, err := admin.ListTopics(ctx)
		return found.Names(), err
	})
}

func describeTopic(asked question) (any, error) {
	return administer(asked, func(ctx context.Context, admin *kadm.Client) (any, error) {
		found, err := admin.ListTopics(ctx, asked.Topic)
		if err != nil {
			return nil, err
		}
		detail := found[asked.Topic]
		return map[string]any{"name": detail.Topic, "partitions": len(detail.Partitions)}, detail.Err
	})
}

func deleteTopic(asked question) (any, error) {
	return administer(asked, func(ctx context.Context, admin *kadm.Client) (any, error) {
		_, err := admin.DeleteTopic(ctx, asked.Topic)
		return nil, err
	})
}

func createPartitions(asked question) (any, error) {
	return administer(asked, func(ctx context.Context, admin *kadm.Client) (any, error) {
		found, err := admin.UpdatePartitions(ctx, int(asked.Partitions), asked.Topic)
		if err != nil {
			return nil, err
		}
		return nil, found[asked.Topic].Err
	})
}

func configs(asked question) (any, error) {
	return administer(asked, func(ctx context.Context, admin *kadm.Client) (any, error) {
		found, err := admin.DescribeTopicConfigs(ctx, asked.Topic)
		if err != nil {
			return nil, err
		}
		resource, err := found.On(asked.Topic, nil)
		values := map[string]string{}
		for _, config := range resource.Configs {
			values[config.Key] = config.MaybeValue()
		}
		if err == nil {
			err = resource.Err
		}
		return values, err
	})
}

func alterConfigs(asked question) (any, error) {
	return administer(asked, func(ctx context.Context, admin *kadm.Client) (any, error) {
		var changes []kadm.AlterConfig
		for name, value := range asked.Configs {
			how := kadm.SetConfig
			if value == nil {
				how = kadm.DeleteConfig
			}
			changes = append(changes, kadm.AlterConfig{Op: how, Name: name, Value: value})
		}
		found, err := admin.AlterTopicConfigs(ctx, changes, asked.Topic)
		if err != nil {
			return nil, err
		}
		return nil, found[0].Err
	})
}

func groups(asked question) (any, error) {
	return administer(asked, func(ctx context.Context, admin *kadm.Client) (any, error) {
		found, err := admin.ListGroups(ctx)
		return found.Groups(), err
	})
}

func describeGroup(asked question) (any, error) {
	return administer(asked, func(ctx context.Context, admin *kadm.Client) (any, error) {
		found, err := admin.DescribeGroups(ctx, asked.Group)
		if err != nil {
			return nil, err
		}
		group := found[asked.Group]
		return map[string]any{"state": group.State, "members": len(group.Members)}, group.Err
	})
}

func deleteGroup(asked question) (any, error) {
	return administer(asked, func(ctx context.Context, admin *kadm.Client) (any, error) {
		_, err := admin.DeleteGroup(ctx, asked.Group)
		return nil, err
	})
}

func setGroupOffset(asked question) (any, error) {
	return administer(asked, func(ctx context.Context, admin *kadm.Client) (any, error) {
		offsets := kadm.Offsets{}
		offsets.AddOffset(asked.Topic, asked.Partition, asked.Offset, -1)
		found, err := admin.CommitOffsets(ctx, asked.Group, offsets)
		if err != nil {
			return nil, err
		}
		return nil, found.Error()
	})
}

func deleteRecords(asked question) (any, error) {
	return administer(asked, func(ctx context.Context, admin *kadm.Client) (any, error) {
		offsets := kadm.Offsets{}
		offsets.AddOffset(asked.Topic, asked.Partition, asked.Offset, -1)
		found, err := admin.DeleteRecords(ctx, offsets)
		if err != nil {
			return nil, err
		}
		deleted, _ := found.Lookup(asked.Topic, asked.Partition)
		return deleted.LowWatermark, deleted.Err
	})
}

func cluster(asked question) (any, error) {
	return administer(asked, func(ctx context.Context, admin *kadm.Client) (any, error) {
		found, err := admin.BrokerMetadata(ctx)
		nodes := []string{}
		for _, broker := range found.Brokers {
			nodes = append(nodes, fmt.Sprintf("%s:%d", broker.Host, broker.Port))
		}
		return map[string]any{"id": found.Cluster, "controller": found.Controller, "nodes": nodes}, err
	})
}
