// @platformatic/kafka: the younger client of Node, which asks for flexible versions only.
// Its version 2 is made for Node 22; on Node 20 it lacks one function, which node20.js adds, and zstd.

import './node20.js'
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import { randomUUID } from 'node:crypto'
import { isSettled, serve, within } from './answers.js'

const TOPIC_RESOURCE = 2
const SET = 0
const DELETE = 1

const members = new Map()

function base ({ bootstrap }) {
  return { clientId: 'platformatic', bootstrapBrokers: [bootstrap], retries: 1, timeout: 10_000, autocreateTopics: false }
}

async function produce (question) {
  const producer = new Producer({
    ...base(question),
    serializers: stringSerializers,
    acks: question.acks ?? -1,
    idempotent: question.idempotent ?? false,
    compression: question.codec ?? 'none'
  })
  const messages = question.records.map(({ partition, timestamp, ...record }) => ({
    ...record,
    topic: question.topic,
    ...(partition === undefined ? {} : { partition }),
    ...(timestamp === undefined ? {} : { timestamp: BigInt(timestamp) })
  }))
  try {
    const { offsets } = await producer.send({ messages })
    // One entry a partition, with the offset of its first record; acks=0 has none.
    return (offsets ?? []).map(({ partition, offset }) => ({ partition, offset }))
  } finally {
    await producer.close()
  }
}

async function beginTransaction (question) {
  const producer = new Producer({ ...base(question), transactionalId: question.id, idempotent: true })
  try {
    await producer.beginTransaction()
  } finally {
    await producer.close(true)
  }
}

function consumer (question) {
  return new Consumer({
    ...base(question),
    groupId: question.group ?? `reader-${randomUUID()}`,
    deserializers: stringDeserializers,
    autocommit: false,
    maxWaitTime: 100,
    heartbeatInterval: 300
  })
}

async function run (question, mode) {
  const client = consumer(question)
  const taken = []
  try {
    const stream = await client.consume({ topics: [question.topic], ...mode })
    await within((async () => {
      for await (const message of stream) {
        taken.push(described(message))
        if (question.commit) await message.commit()
        if (taken.length === question.count) break
      }
    })(), 'consuming')
  } finally {
    await client.close(true)
  }
  return taken
}

function described ({ partition, offset, timestamp, key, value, headers }) {
  return { partition, offset, timestamp, key: key ?? null, value: value ?? null, headers: Object.fromEntries(headers) }
}

async function consume (question) {
  return await run(question, { mode: 'committed', fallbackMode: 'earliest' })
}

async function read (question) {
  const place = { topic: question.topic, partition: question.partition ?? 0, offset: BigInt(question.offset) }
  return await run(question, { mode: 'manual', offsets: [place] })
}

async function readFromTimestamp (question) {
  return await read({ ...question, offset: await offset({ ...question, at: question.timestamp }) })
}

async function join (question) {
  const client = consumer(question)
  const member = { client, changed: () => {} }
  members.set(question.member, member)
  client.on('consumer:group:join', () => members.forEach(each => each.changed()))
  member.stream = await client.consume({ topics: [question.topic], mode: 'committed', fallbackMode: 'earliest' })
  member.stream.on('data', () => {})
}

async function assignments ({ partitions }) {
  const mine = ({ client }) => (client.assignments ?? []).flatMap(each => each.partitions)
  const owned = () => Object.fromEntries([...members].map(([name, member]) => [name, mine(member)]))
  await within(new Promise(resolve => {
    const look = () => { if (isSettled(owned(), partitions)) resolve() }
    members.forEach(member => { member.changed = look })
    look()
  }), 'settling')
  return owned()
}

async function leave ({ member }) {
  const { client } = members.get(member)
  members.delete(member)
  await client.close(true)
}

async function administer (question, work) {
  const admin = new Admin(base(question))
  try {
    return await work(admin)
  } finally {
    await admin.close()
  }
}

async function offset (question) {
  const named = { earliest: -2n, latest: -1n }
  const timestamp = named[question.at] ?? BigInt(question.at)
  const partitions = [{ partitionIndex: question.partition ?? 0, timestamp }]
  return await administer(question, async admin => {
    const [found] = await admin.listOffsets({ topics: [{ name: question.topic, partitions }] })
    return found.partitions[0].offset
  })
}

async function committed (question) {
  const topics = [{ name: question.topic, partitionIndexes: [question.partition ?? 0] }]
  return await administer(question, async admin => {
    const [found] = await admin.listConsumerGroupOffsets({ groups: [{ groupId: question.group, topics }] })
    return found.topics[0].partitions[0].committedOffset
  })
}

async function createTopic (question) {
  const configs = Object.entries(question.configs ?? {}).map(([name, value]) => ({ name, value }))
  const options = { topics: [question.topic], partitions: question.partitions ?? 1, replicas: question.replicas ?? 1 }
  return await administer(question, async admin => {
    const [created] = await admin.createTopics({ ...options, ...(configs.length > 0 ? { configs } : {}) })
    return created.partitions
  })
}

async function describeTopic (question) {
  return await administer(question, async admin => {
    const { topics } = await admin.metadata({ topics: [question.topic], forceUpdate: true })
    return { name: question.topic, partitions: topics.get(question.topic).partitionsCount }
  })
}

async function createPartitions ({ topic, partitions, ...question }) {
  await administer(question, admin => admin.createPartitions({ topics: [{ name: topic, count: partitions, assignments: null }] }))
}

async function configs (question) {
  const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: question.topic }]
  return await administer(question, async admin => {
    const [found] = await admin.describeConfigs({ resources })
    return Object.fromEntries(found.configs.map(config => [config.name, config.value]))
  })
}

async function alterConfigs (question) {
  const changes = Object.entries(question.configs).map(([name, value]) => (
    { name, value, configOperation: value === null ? DELETE : SET }))
  const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: question.topic, configs: changes }]
  await administer(question, admin => admin.incrementalAlterConfigs({ resources }))
}

async function describeGroup (question) {
  return await administer(question, async admin => {
    const found = (await admin.describeGroups({ groups: [question.group] })).get(question.group)
    return { state: found.state, members: found.members.size }
  })
}

async function setGroupOffset (question) {
  const partitionOffsets = [{ partition: question.partition ?? 0, offset: BigInt(question.offset) }]
  const wanted = { groupId: question.group, topics: [{ name: question.topic, partitionOffsets }] }
  await administer(question, admin => admin.alterConsumerGroupOffsets(wanted))
}

async function deleteRecords (question) {
  const partitions = [{ partition: question.partition ?? 0, offset: BigInt(question.offset) }]
  return await administer(question, async admin => {
    const [found] = await admin.deleteRecords({ topics: [{ name: question.topic, partitions }] })
    return found.partitions[0].lowWatermark
  })
}

async function cluster (question) {
  return await administer(question, async admin => {
    const { id, controllerId, brokers } = await admin.metadata({ topics: [], forceUpdate: true })
    return { id, controller: controllerId, nodes: [...brokers.values()].map(broker => `${broker.host}:${broker.port}`) }
  })
}

/** Kafka's name of the first protocol error in a tree of errors and causes. */
function nameOf (error) {
  const inside = [...(error?.errors ?? []), error?.cause].filter(Boolean)
  const name = error?.apiId ?? inside.map(protocolName).find(Boolean)
  return name ?? error?.code ?? String(error)
}

function protocolName (error) {
  return error.apiId ?? [...(error.errors ?? []), error.cause].filter(Boolean).map(protocolName).find(Boolean)
}

await serve({
  produce,
  read,
  offset,
  consume,
  join,
  assignments,
  leave,
  committed,
  configs,
  cluster,
  'begin transaction': beginTransaction,
  'read from timestamp': readFromTimestamp,
  'create topic': createTopic,
  topics: question => administer(question, admin => admin.listTopics()),
  'describe topic': describeTopic,
  'delete topic': question => administer(question, admin => admin.deleteTopics({ topics: [question.topic] })),
  'create partitions': createPartitions,
  'alter configs': alterConfigs,
  groups: question => administer(question, async admin => [...(await admin.listGroups({ types: ['classic'] })).keys()]),
  'describe group': describeGroup,
  'delete group': question => administer(question, admin => admin.deleteGroups({ groups: [question.group] })),
  'set group offset': setGroupOffset,
  'delete records': deleteRecords
}, nameOf)
