// What both Node clients share: a line of JSON asks for an operation, a line answers; see ../README.md.

import { createInterface } from 'node:readline'

export const PATIENCE_MS = 20_000

/** Answers questions one after another until standard input ends. */
export async function serve (operations, nameOf) {
  for await (const line of createInterface({ input: process.stdin })) {
    const question = JSON.parse(line)
    let answer
    try {
      answer = { result: (await operations[question.operation](question)) ?? null }
    } catch (error) {
      answer = { error: nameOf(error), message: String(error?.stack ?? error) }
    }
    process.stdout.write(JSON.stringify(answer, withoutBigInts) + '\n')
  }
  process.exit(0)
}

/** The value of `promise`, or an error once the patience is at its end. */
export function within (promise, what) {
  let timer
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${PATIENCE_MS} ms`)), PATIENCE_MS)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** Whether every partition has exactly one owner, and nobody is idle. */
export function isSettled (owned, partitions) {
  const all = Object.values(owned).flat()
  return all.length === partitions && new Set(all).size === partitions &&
    Object.values(owned).every(mine => mine.length > 0)
}

export function text (bytes) {
  return bytes === null || bytes === undefined ? null : bytes.toString()
}

function withoutBigInts (name, value) {
  return typeof value === 'bigint' ? Number(value) : value
}
