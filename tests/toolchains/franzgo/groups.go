// Consumer groups: members that stay open between questions, by a name that the test gives them.
package main

import (
	"context"
	"errors"
	"sort"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

type member struct {
	client *kgo.Client
	mutex  sync.Mutex
	owned  map[int32]bool
}

var members = map[string]*member{}

func consume(asked question) (any, error) {
	client, err := connect(asked, groupSettings(asked)...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	taken, err := take(client, asked.Count)
	if err == nil && asked.Commit {
		err = client.CommitRecords(context.Background(), taken...)
	}
	return described(taken), err
}

func groupSettings(asked question) []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(asked.Group),
		kgo.ConsumeTopics(asked.Topic),
		kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}
}

func join(asked question) (any, error) {
	made := &member{owned: map[int32]bool{}}
	follow := func(owns bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, changed map[string][]int32) {
			made.mutex.Lock()
			defer made.mutex.Unlock()
			for _, partition := range changed[asked.Topic] {
				if owns {
					made.owned[partition] = true
				} else {
					delete(made.owned, partition)
				}
			}
		}
	}
	settings := append(groupSettings(asked),
		kgo.OnPartitionsAssigned(follow(true)),
		kgo.OnPartitionsRevoked(follow(false)),
		kgo.OnPartitionsLost(follow(false)),
		// Members learn of a rebalance by their heartbeats.
		kgo.HeartbeatInterval(500*time.Millisecond),
	)
	client, err := connect(asked, settings...)
	made.client = client
	members[asked.Member] = made
	return nil, err
}

// assignments waits until every partition has exactly one owner and nobody is idle.
func assignments(asked question) (any, error) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		all := map[int32]int{}
		settled := true
		found := map[string][]int32{}
		for name, each := range members {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			each.client.PollFetches(ctx)
			cancel()
			found[name] = each.partitions()
			settled = settled && len(found[name]) > 0
			for _, partition := range found[name] {
				all[partition]++
				settled = settled && all[partition] == 1
			}
		}
		if settled && len(all) == int(asked.Partitions) {
			return found, nil
		}
	}
	return nil, errors.New("the group did not settle")
}

func (m *member) partitions() []int32 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	owned := []int32{}
	for partition := range m.owned {
		owned = append(owned, partition)
	}
	sort.Slice(owned, func(i, j int) bool { return owned[i] < owned[j] })
	return owned
}

func leave(asked question) (any, error) {
	members[asked.Member].client.Close()
	delete(members, asked.Member)
	return nil, nil
}

func committed(asked question) (any, error) {
	return administer(asked, func(ctx context.Context, admin *kadm.Client) (any, error) {
		found, err := admin.FetchOffsets(ctx, asked.Group)
		if err != nil {
			return nil, err
		}
		if offset, known := found.Lookup(asked.Topic, asked.Partition); known {
			return offset.At, offset.Err
		}
		return -1, nil
	})
}
