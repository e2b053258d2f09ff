//! rskafka behind standard input: a line of JSON asks for an operation, a line answers; see ../../README.md.
//! This client has no groups, no idempotence, and one acks (all).

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rskafka::client::error::Error;
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::{Record, RecordAndOffset};
use rskafka::BackoffConfig;
use serde_json::{json, Value};

const TIMEOUT_MS: i32 = 10_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut answers = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let question: Value = serde_json::from_str(&line.expect("a line")).expect("a question");
        let answer = match runtime.block_on(answer(&question)) {
            Ok(result) => json!({ "result": result }),
            Err(error) => json!({ "error": name_of(&error), "message": error.to_string() }),
        };
        writeln!(answers, "{answer}").expect("somebody who listens");
        answers.flush().expect("somebody who listens");
    }
}

async fn answer(question: &Value) -> Result<Value, Error> {
    let backoff = BackoffConfig {
        deadline: Some(Duration::from_secs(3)),
        ..Default::default()
    };
    let client = ClientBuilder::new(vec![text(question, "bootstrap")])
        .backoff_config(backoff)
        .build()
        .await?;
    match text(question, "operation").as_str() {
        "produce" => produce(&client, question).await,
        "read" => {
            read(
                &partition(&client, question).await?,
                number(question, "offset", 0),
                question,
            )
            .await
        }
        "read from timestamp" => read_from_timestamp(&client, question).await,
        "offset" => offset(&client, question).await,
        "create topic" => create_topic(&client, question).await,
        "topics" => Ok(json!(client
            .list_topics()
            .await?
            .into_iter()
            .map(|topic| topic.name)
            .collect::<Vec<_>>())),
        "describe topic" => describe_topic(&client, question).await,
        "delete topic" => {
            client
                .controller_client()?
                .delete_topic(text(question, "topic"), TIMEOUT_MS)
                .await?;
            Ok(Value::Null)
        }
        "delete records" => delete_records(&client, question).await,
        unknown => panic!("rskafka does not {unknown}"),
    }
}

async fn produce(client: &Client, question: &Value) -> Result<Value, Error> {
    let compression = match question["codec"].as_str() {
        Some("gzip") => Compression::Gzip,
        Some("snappy") => Compression::Snappy,
        Some("lz4") => Compression::Lz4,
        Some("zstd") => Compression::Zstd,
        _ => Compression::NoCompression,
    };
    let records: Vec<Record> = question["records"]
        .as_array()
        .expect("records")
        .iter()
        .map(record_from)
        .collect();
    let number = question["records"][0]["partition"].as_i64().unwrap_or(0);
    let written = client
        .partition_client(
            text(question, "topic"),
            number as i32,
            UnknownTopicHandling::Error,
        )
        .await?
        .produce(records, compression)
        .await?;
    Ok(written
        .into_iter()
        .map(|offset| json!({ "partition": number, "offset": offset }))
        .collect())
}

fn record_from(given: &Value) -> Record {
    let bytes = |value: &Value| value.as_str().map(|text| text.as_bytes().to_vec());
    let headers: BTreeMap<String, Vec<u8>> = given["headers"]
        .as_object()
        .map(|all| {
            all.iter()
                .filter_map(|(name, value)| Some((name.clone(), bytes(value)?)))
                .collect()
        })
        .unwrap_or_default();
    let timestamp = given["timestamp"]
        .as_i64()
        .and_then(DateTime::<Utc>::from_timestamp_millis);
    Record {
        key: bytes(&given["key"]),
        value: bytes(&given["value"]),
        headers,
        timestamp: timestamp.unwrap_or_else(Utc::now),
    }
}

/// Fetches until `count` records came; each fetch waits for one byte at least.
async fn read(from: &PartitionClient, start: i64, question: &Value) -> Result<Value, Error> {
    let count = number(question, "count", 1) as usize;
    let mut taken: Vec<RecordAndOffset> = Vec::new();
    let mut next = start;
    for _ in 0..20 {
        // A fetch answers whole batches, so it may begin before the offset that was asked for.
        let (records, _) = from.fetch_records(next, 1..64 << 20, 1_000).await?;
        taken.extend(records.into_iter().filter(|found| found.offset >= next));
        next = taken.last().map_or(start, |last| last.offset + 1);
        if taken.len() >= count {
            break;
        }
    }
    taken.truncate(count);
    Ok(taken.iter().map(described).collect())
}

fn described(found: &RecordAndOffset) -> Value {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let headers: BTreeMap<&String, String> = found
        .record
        .headers
        .iter()
        .map(|(name, value)| (name, text(value)))
        .collect();
    json!({
        "offset": found.offset,
        "timestamp": found.record.timestamp.timestamp_millis(),
        "key": found.record.key.as_ref().map(text),
        "value": found.record.value.as_ref().map(text),
        "headers": headers,
    })
}

async fn read_from_timestamp(client: &Client, question: &Value) -> Result<Value, Error> {
    let from = partition(client, question).await?;
    let at = DateTime::<Utc>::from_timestamp_millis(number(question, "timestamp", 0))
        .expect("a timestamp");
    let start = from.get_offset(OffsetAt::Timestamp(at)).await?;
    read(&from, start, question).await
}

async fn offset(client: &Client, question: &Value) -> Result<Value, Error> {
    let at = match (question["at"].as_str(), question["at"].as_i64()) {
        (Some("earliest"), _) => OffsetAt::Earliest,
        (_, Some(ms)) => {
            OffsetAt::Timestamp(DateTime::<Utc>::from_timestamp_millis(ms).expect("a timestamp"))
        }
        _ => OffsetAt::Latest,
    };
    Ok(json!(
        partition(client, question).await?.get_offset(at).await?
    ))
}

async fn create_topic(client: &Client, question: &Value) -> Result<Value, Error> {
    let partitions = number(question, "partitions", 1) as i32;
    let replicas = number(question, "replicas", 1) as i16;
    client
        .controller_client()?
        .create_topic(text(question, "topic"), partitions, replicas, TIMEOUT_MS)
        .await?;
    Ok(json!(partitions))
}

async fn describe_topic(client: &Client, question: &Value) -> Result<Value, Error> {
    let wanted = text(question, "topic");
    let found = client
        .list_topics()
        .await?
        .into_iter()
        .find(|topic| topic.name == wanted);
    Ok(found.map_or(
        Value::Null,
        |topic| json!({ "name": topic.name, "partitions": topic.partitions.len() }),
    ))
}

async fn delete_records(client: &Client, question: &Value) -> Result<Value, Error> {
    let from = partition(client, question).await?;
    from.delete_records(number(question, "offset", 0), TIMEOUT_MS)
        .await?;
    Ok(json!(from.get_offset(OffsetAt::Earliest).await?))
}

async fn partition(client: &Client, question: &Value) -> Result<PartitionClient, Error> {
    let wanted = number(question, "partition", 0) as i32;
    client
        .partition_client(text(question, "topic"), wanted, UnknownTopicHandling::Error)
        .await
}

fn text(question: &Value, name: &str) -> String {
    question[name].as_str().unwrap_or_default().to_owned()
}

fn number(question: &Value, name: &str, otherwise: i64) -> i64 {
    question[name].as_i64().unwrap_or(otherwise)
}

/// Kafka's name of an error, from the name of its variant: UnknownTopicOrPartition.
fn name_of(error: &Error) -> String {
    let Error::ServerError { protocol_error, .. } = error else {
        return error.to_string();
    };
    let mut name = String::new();
    for letter in format!("{protocol_error:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_uppercase());
    }
    name
}
