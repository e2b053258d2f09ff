// Records to and from partitions: the producer, and consumers with partitions given by hand.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const patience = 20 * time.Second

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func produce(asked question) (any, error) {
	acks := kgo.AllISRAcks()
	if asked.Acks != nil && *asked.Acks == 0 {
		acks = kgo.NoAck()
	} else if asked.Acks != nil && *asked.Acks == 1 {
		acks = kgo.LeaderAck()
	}
	settings := []kgo.Opt{
		kgo.RequiredAcks(acks),
		kgo.ProducerLinger(20 * time.Millisecond),
		kgo.ProducerBatchMaxBytes(64 << 20),
		kgo.UnknownTopicRetries(1),
		kgo.RecordPartitioner(partitioner(asked)),
	}
	// Without this the client compresses with snappy.
	codec, known := codecs[asked.Codec]
	if !known {
		codec = kgo.NoCompression()
	}
	settings = append(settings, kgo.ProducerBatchCompression(codec))
	if !asked.Idempotent {
		settings = append(settings, kgo.DisableIdempotentWrite())
	}
	client, err := connect(asked, settings...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var sent []*kgo.Record
	for _, each := range asked.Records {
		sent = append(sent, recordFor(asked.Topic, each))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := client.ProduceSync(ctx, sent...).FirstErr(); err != nil {
		return nil, err
	}
	written := []map[string]int64{}
	for _, each := range sent {
		written = append(written, map[string]int64{"partition": int64(each.Partition), "offset": each.Offset})
	}
	return written, nil
}

// partitioner is the client's own unless the records say where they belong.
func partitioner(asked question) kgo.Partitioner {
	if len(asked.Records) > 0 && asked.Records[0].Partition != nil {
		return kgo.ManualPartitioner()
	}
	return kgo.UniformBytesPartitioner(1<<16, true, true, nil)
}

func recordFor(topic string, given record) *kgo.Record {
	made := &kgo.Record{Topic: topic, Key: bytes(given.Key), Value: bytes(given.Value)}
	if given.Partition != nil {
		made.Partition = *given.Partition
	}
	if given.Timestamp != nil {
		made.Timestamp = time.UnixMilli(*given.Timestamp)
	}
	for name, value := range given.Headers {
		made.Headers = append(made.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	return made
}

func beginTransaction(asked question) (any, error) {
	client, err := connect(asked, kgo.TransactionalID(asked.Transaction))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, _, err = client.ProducerID(ctx)
	return nil, err
}

func read(asked question) (any, error) {
	return readFrom(asked, kgo.NewOffset().At(asked.Offset))
}

func readFromTimestamp(asked question) (any, error) {
	return readFrom(asked, kgo.NewOffset().AfterMilli(asked.Timestamp))
}

func readFrom(asked question, from kgo.Offset) (any, error) {
	assigned := map[string]map[int32]kgo.Offset{asked.Topic: {asked.Partition: from}}
	// An offset out of range shall be an error, not a reason to begin elsewhere.
	client, err := connect(asked, kgo.ConsumePartitions(assigned), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	taken, err := take(client, asked.Count)
	return described(taken), err
}

func offset(asked question) (any, error) {
	client, err := connect(asked)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var found kadm.ListedOffsets
	switch at := asked.At.(type) {
	case float64:
		found, err = admin.ListOffsetsAfterMilli(ctx, int64(at), asked.Topic)
	case string:
		if at == "earliest" {
			found, err = admin.ListStartOffsets(ctx, asked.Topic)
		} else {
			found, err = admin.ListEndOffsets(ctx, asked.Topic)
		}
	}
	if err != nil {
		return nil, err
	}
	listed, known := found.Lookup(asked.Topic, asked.Partition)
	if !known {
		return nil, fmt.Errorf("nothing about %s-%d", asked.Topic, asked.Partition)
	}
	return listed.Offset, listed.Err
}

// take polls until count records are there; any error, and too much waiting, ends it.
func take(client *kgo.Client, count int) ([]*kgo.Record, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var taken []*kgo.Record
	for len(taken) < count {
		fetches := client.PollRecords(ctx, count-len(taken))
		if err := fetches.Err(); err != nil {
			return taken, err
		}
		taken = append(taken, fetches.Records()...)
	}
	return taken, nil
}

func described(taken []*kgo.Record) []record {
	records := []record{}
	for _, each := range taken {
		timestamp, partition := each.Timestamp.UnixMilli(), each.Partition
		headers := map[string]string{}
		for _, header := range each.Headers {
			headers[header.Key] = string(header.Value)
		}
		records = append(records, record{
			Key: text(each.Key), Value: text(each.Value), Headers: headers,
			Partition: &partition, Offset: each.Offset, Timestamp: &timestamp,
		})
	}
	return records
}

func connect(asked question, settings ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(settings, kgo.SeedBrokers(asked.Bootstrap))...)
}

func bytes(given *string) []byte {
	if given == nil {
		return nil
	}
	return []byte(*given)
}

func text(given []byte) *string {
	if given == nil {
		return nil
	}
	made := string(given)
	return &made
}
