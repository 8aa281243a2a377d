// SPDX-License-Identifier: MPL-2.0
//
// Thousands of sockets, and what is left of them: nothing.
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as zmq from '../index.js'
import {
  children,
  collect,
  descriptors,
  patience,
  until,
  withContext,
  withPeer,
} from './harness.ts'

/** Resident memory in MiB. */
function resident(): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024
}

test('three thousand sockets of one context, a thousand of them bound', () =>
  withContext(
    async (context) => {
      const sockets = Array.from({ length: 3000 }, () => context.socket('pull'))
      const bound = sockets.slice(0, 1000).map((socket) => socket.bind('scif://*:*'))
      assert.is(new Set(bound).size, 1000)
      assert.is(zmq.open().sockets, 3000)
      for (const socket of sockets) socket.close()
      assert.is(zmq.open().sockets, 0)
    },
    { max_sockets: 4000 },
  ))

test('hundreds of sockets of one process, connected to another', () =>
  withPeer((peer) =>
    withContext(
      async (context) => {
        const count = 300
        const pull = await peer.socket('pull', { backlog: 400 })
        const endpoint = await pull.bind()
        const got = pull.digests(count)
        const sockets = Array.from({ length: count }, () => context.socket('push'))
        for (const push of sockets) push.connect(endpoint)
        await Promise.all(sockets.map((push, i) => push.send(`${i}`, patience())))
        assert.is(new Set(await got).size, count)
        assert.is(zmq.open().sockets, sockets.length)
      },
      { max_sockets: 4000 },
    ),
  ))

/** One life of what leaks if anything does. */
async function life() {
  const context = new zmq.Context()
  const pull = context.socket('pull')
  const monitor = pull.monitor()
  const endpoint = pull.bind('scif://*:*')
  const push = context.socket('push')
  push.connect(endpoint)
  for (const size of [10, 5000, 200_000]) {
    await push.send(['head', Buffer.alloc(size), zmq.allocate(size)], patience())
    await pull.receive(patience())
  }
  await push.sendOnThread(zmq.allocate(5000))
  await pull.receiveOnThread()
  await pull.receive({ signal: AbortSignal.timeout(1) }).catch(() => {})
  monitor.close()
  pull.close()
  await context.term()
}

test('lives without number leave no descriptor, no thread and no memory', async () => {
  const lives = async (count: number) => {
    for (let i = 0; i < count; i++) await life()
    await collect()
  }
  await lives(30)
  await until(() => zmq.open().sockets === 0, 'the end of the sockets')
  const before = { descriptors: descriptors(), resident: resident() }
  await lives(100)
  await until(async () => {
    await collect()
    return zmq.open().buffers <= 2
  }, 'the end of the Buffers')
  await until(
    () => descriptors() <= before.descriptors,
    `${before.descriptors} descriptors have become ${descriptors()}`,
  )
  const grown = resident() - before.resident
  // A life moves 600 KB: what is kept of 100 would be 60 MB.
  assert.ok(grown < 25, `${grown.toFixed(1)} MiB more are resident`)
})

test('a hundred thousand messages leave no memory', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      // Short queues: what waits in them is no leak.
      const pull = context.socket('pull', { rcvhwm: 20 })
      const push = await peer.socket('push', { sndhwm: 20 })
      await push.connect(pull.bind('scif://*:*'))
      const round = async (count: number, size: number) => {
        const flood = push.flood(count, size)
        for (let i = 0; i < count; i++) {
          const [part] = await pull.receive(patience())
          if (part?.length !== size || part[size - 1] !== i % 251) throw new Error(`message ${i}`)
        }
        await flood
        await collect()
      }
      await round(20_000, 100)
      await round(1000, 100_000)
      const before = resident()
      await round(80_000, 100)
      await round(3000, 100_000)
      await until(async () => {
        await collect()
        return zmq.open().buffers <= 2
      }, 'the end of the Buffers')
      const grown = resident() - before
      assert.ok(grown < 50, `${grown.toFixed(1)} MiB more are resident after 300 MB`)
    }),
  ))

test('no test has left a process behind', async () => {
  await until(() => children().length === 0, `the end of ${children().join(', ')}`)
})

test.run()
