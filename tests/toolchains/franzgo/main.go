// franz-go behind standard input: a line of JSON asks for an operation, a line answers; see ../README.md.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kerr"
)

type question struct {
	Operation   string
	Bootstrap   string
	Topic       string
	Partition   int32
	Partitions  int32
	Offset      int64
	Timestamp   int64
	At          any
	Count       int
	Codec       string
	Acks        *int
	Idempotent  bool
	Records     []record
	Group       string
	Member      string
	Commit      bool
	Replicas    *int16
	Configs     map[string]*string
	Transaction string `json:"id"`
}

type record struct {
	Key       *string           `json:"key"`
	Value     *string           `json:"value"`
	Partition *int32            `json:"partition"`
	Offset    int64             `json:"offset"`
	Timestamp *int64            `json:"timestamp"`
	Headers   map[string]string `json:"headers"`
}

type operation func(question) (any, error)

func operations() map[string]operation {
	return map[string]operation{
		"produce":             produce,
		"begin transaction":   beginTransaction,
		"read":                read,
		"read from timestamp": readFromTimestamp,
		"offset":              offset,
		"consume":             consume,
		"join":                join,
		"assignments":         assignments,
		"leave":               leave,
		"committed":           committed,
		"create topic":        createTopic,
		"topics":              topics,
		"describe topic":      describeTopic,
		"delete topic":        deleteTopic,
		"create partitions":   createPartitions,
		"configs":             configs,
		"alter configs":       alterConfigs,
		"groups":              groups,
		"describe group":      describeGroup,
		"delete group":        deleteGroup,
		"set group offset":    setGroupOffset,
		"delete records":      deleteRecords,
		"cluster":             cluster,
	}
}

func main() {
	known := operations()
	questions := bufio.NewReaderSize(os.Stdin, 1<<20)
	answers := json.NewEncoder(os.Stdout)
	for {
		line, err := questions.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked question
		if err := json.Unmarshal(line, &asked); err != nil {
			panic(err)
		}
		result, err := known[asked.Operation](asked)
		if err == nil {
			err = answers.Encode(map[string]any{"result": result})
		} else {
			err = answers.Encode(map[string]string{"error": nameOf(err), "message": err.Error()})
		}
		if err != nil {
			panic(err)
		}
	}
}

// nameOf gives Kafka's name of an error, or the type of one that the client found itself.
func nameOf(err error) string {
	var kafka *kerr.Error
	if errors.As(err, &kafka) {
		return kafka.Message
	}
	return fmt.Sprintf("%T", err)
}
