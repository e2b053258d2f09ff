// kafkajs: the most used client of Node, which asks for the oldest protocol versions of all tested here.
// It has no assignment by hand: reading from an offset is a group of its own that seeks.

import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { lz4Compress, lz4Decompress } from '@platformatic/wasm-utils'
import { isSettled, serve, text, within } from './answers.js'

const require = createRequire(import.meta.url)
const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, Partitioners, logLevel } = require('kafkajs')
const zstd = require('@bokuweb/zstd-wasm')

const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD
}

// kafkajs brings gzip; the others are plugged in, as its manual says.
CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: encoder => Buffer.from(lz4Compress(encoder.buffer)),
  decompress: buffer => Buffer.from(lz4Decompress(buffer))
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: encoder => Buffer.from(zstd.compress(encoder.buffer, 3)),
  decompress: buffer => Buffer.from(zstd.decompress(buffer))
})

const members = new Map()

function kafka ({ bootstrap }) {
  const retry = { retries: 2, initialRetryTime: 100 }
  return new Kafka({ brokers: [bootstrap], logLevel: logLevel.WARN, logCreator: toStandardError, retry })
}

function toStandardError () {
  return ({ level, log }) => console.error(level, JSON.stringify(log))
}

async function produce (question) {
  const producer = kafka(question).producer({
    idempotent: question.idempotent ?? false,
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false
  })
  await producer.connect()
  try {
    const sent = await producer.send({
      topic: question.topic,
      acks: question.acks ?? -1,
      compression: CODECS[question.codec ?? 'none'],
      messages: question.records.map(record => ({ ...record, timestamp: record.timestamp?.toString() }))
    })
    return sent.flatMap(places)
  } finally {
    await producer.disconnect()
  }
}

// One entry a partition, with the offset of its first record; acks=0 has none.
function places ({ partition, baseOffset }) {
  return [{ partition, offset: Number(baseOffset ?? -1) }]
}

async function beginTransaction (question) {
  const producer = kafka(question).producer({ transactionalId: question.id, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  try {
    await producer.transaction()
  } finally {
    await producer.disconnect()
  }
}

async function read (question) {
  const group = `reader-${randomUUID()}`
  return await run({ ...question, group }, consumer => consumer.seek(
    { topic: question.topic, partition: question.partition ?? 0, offset: String(question.offset) }))
}

async function readFromTimestamp (question) {
  return await read({ ...question, offset: await offset({ ...question, at: question.timestamp }) })
}

/** A member that takes `count` records in order of arrival, and commits the last where that is wanted. */
async function run (question, afterStart = () => {}) {
  const consumer = kafka(question).consumer({ groupId: question.group, maxWaitTimeInMs: 100, allowAutoTopicCreation: false })
  await consumer.connect()
  const taken = []
  try {
    await consumer.subscribe({ topics: [question.topic], fromBeginning: true })
    await within(new Promise((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
      const eachMessage = async ({ partition, message }) => {
        if (taken.length === question.count) return
        taken.push(described(partition, message))
        if (question.commit) {
          await consumer.commitOffsets([{ topic: question.topic, partition, offset: String(Number(message.offset) + 1) }])
        }
        if (taken.length === question.count) resolve()
      }
      consumer.run({ autoCommit: false, eachMessage }).then(() => afterStart(consumer)).catch(reject)
    }), 'consuming')
  } finally {
    await consumer.disconnect()
  }
  return taken
}

function described (partition, { offset, timestamp, key, value, headers }) {
  const named = Object.fromEntries(Object.entries(headers ?? {}).map(([name, each]) => [name, text(each)]))
  const where = { partition, offset: Number(offset), timestamp: Number(timestamp) }
  return { ...where, key: text(key), value: text(value), headers: named }
}

async function join (question) {
  const consumer = kafka(question).consumer({
    groupId: question.group, heartbeatInterval: 300, maxWaitTimeInMs: 100, allowAutoTopicCreation: false
  })
  const member = { consumer, partitions: [], changed: () => {} }
  members.set(question.member, member)
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    member.partitions = payload.memberAssignment[question.topic] ?? []
    members.forEach(each => each.changed())
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [question.topic], fromBeginning: true })
  await consumer.run({ autoCommit: false, eachMessage: async () => {} })
}

async function assignments ({ partitions }) {
  const owned = () => Object.fromEntries([...members].map(([name, member]) => [name, member.partitions]))
  await within(new Promise(resolve => {
    const look = () => { if (isSettled(owned(), partitions)) resolve() }
    members.forEach(member => { member.changed = look })
    look()
  }), 'settling')
  return owned()
}

async function leave ({ member }) {
  const { consumer } = members.get(member)
  members.delete(member)
  await consumer.disconnect()
}

async function administer (question, work) {
  const admin = kafka(question).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

async function offset (question) {
  return await administer(question, async admin => {
    const [known] = (await admin.fetchTopicOffsets(question.topic)).filter(each => each.partition === (question.partition ?? 0))
    if (question.at === 'earliest') return Number(known.low)
    if (question.at === 'latest') return Number(known.high)
    const found = await admin.fetchTopicOffsetsByTimestamp(question.topic, question.at)
    return Number(found.find(each => each.partition === known.partition).offset)
  })
}

async function committed (question) {
  return await administer(question, async admin => {
    const [{ partitions }] = await admin.fetchOffsets({ groupId: question.group, topics: [question.topic] })
    return Number(partitions.find(each => each.partition === (question.partition ?? 0)).offset)
  })
}

async function createTopic (question) {
  const configEntries = Object.entries(question.configs ?? {}).map(([name, value]) => ({ name, value }))
  const topic = {
    topic: question.topic, numPartitions: question.partitions ?? -1, replicationFactor: question.replicas ?? -1, configEntries
  }
  return await administer(question, async admin => {
    // kafkajs answers false, not an error, where the topic exists.
    if (!await admin.createTopics({ topics: [topic] })) throw Object.assign(new Error('exists'), { type: 'TOPIC_ALREADY_EXISTS' })
  })
}

async function describeTopic (question) {
  return await administer(question, async admin => {
    const { topics: [found] } = await admin.fetchTopicMetadata({ topics: [question.topic] })
    return { name: found.name, partitions: found.partitions.length }
  })
}

async function createPartitions ({ topic, partitions, ...question }) {
  await administer(question, admin => admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] }))
}

async function configs (question) {
  return await administer(question, async admin => {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: question.topic }]
    const { resources: [found] } = await admin.describeConfigs({ resources, includeSynonyms: false })
    return Object.fromEntries(found.configEntries.map(entry => [entry.configName, entry.configValue]))
  })
}

async function alterConfigs (question) {
  const configEntries = Object.entries(question.configs).map(([name, value]) => ({ name, value }))
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: question.topic, configEntries }]
  await administer(question, admin => admin.alterConfigs({ resources }))
}

async function describeGroup (question) {
  return await administer(question, async admin => {
    const { groups: [found] } = await admin.describeGroups([question.group])
    return { state: found.state, members: found.members.length }
  })
}

async function setGroupOffset (question) {
  const partitions = [{ partition: question.partition ?? 0, offset: String(question.offset) }]
  await administer(question, admin => admin.setOffsets({ groupId: question.group, topic: question.topic, partitions }))
}

async function deleteRecords (question) {
  const partitions = [{ partition: question.partition ?? 0, offset: String(question.offset) }]
  await administer(question, async admin => {
    // kafkajs looks up the leader in what it knows already, and does not ask.
    await admin.fetchTopicOffsets(question.topic)
    await admin.deleteTopicRecords({ topic: question.topic, partitions })
  })
  return await offset({ ...question, at: 'earliest' })
}

async function cluster (question) {
  return await administer(question, async admin => {
    const { clusterId, controller, brokers } = await admin.describeCluster()
    return { id: clusterId, controller, nodes: brokers.map(broker => `${broker.host}:${broker.port}`) }
  })
}

function nameOf (error) {
  const inside = error.errors?.[0] ?? error
  return inside.type ?? inside.cause?.type ?? inside.name ?? String(inside)
}

await zstd.init()
await serve({
  produce,
  read,
  offset,
  consume: run,
  join,
  assignments,
  leave,
  committed,
  topics: question => administer(question, admin => admin.listTopics()),
  configs,
  cluster,
  'begin transaction': beginTransaction,
  'read from timestamp': readFromTimestamp,
  'create topic': createTopic,
  'describe topic': describeTopic,
  'delete topic': question => administer(question, admin => admin.deleteTopics({ topics: [question.topic] })),
  'create partitions': createPartitions,
  'alter configs': alterConfigs,
  groups: question => administer(question, async admin => (await admin.listGroups()).groups.map(group => group.groupId)),
  'describe group': describeGroup,
  'delete group': question => administer(question, admin => admin.deleteGroups([question.group])),
  'set group offset': setGroupOffset,
  'delete records': deleteRecords
}, nameOf)
