// SPDX-License-Identifier: MPL-2.0
//
// Every socket pattern over scif:// between two processes, with either side connecting.
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Socket, SocketType } from '../index.js'
import * as zmq from '../index.js'
import { type FarSocket, patience, until, withContext, withPeer } from './harness.ts'

type Exchange = (near: Socket, far: FarSocket) => Promise<void>

const texts = (message: readonly Uint8Array[]) =>
  message.map((part) => Buffer.from(part).toString())

async function nearToFar(near: Socket, far: FarSocket) {
  for (let i = 0; i < 100; i++) {
    await near.send([`${i}`, 'there'], patience())
    assert.equal(texts(await far.receive()), [`${i}`, 'there'])
  }
}

async function farToNear(near: Socket, far: FarSocket) {
  for (let i = 0; i < 100; i++) {
    await far.send([`${i}`, 'back'])
    assert.equal(texts(await near.receive(patience())), [`${i}`, 'back'])
  }
}

async function bothWays(near: Socket, far: FarSocket) {
  await nearToFar(near, far)
  await farToNear(near, far)
}

async function question(near: Socket, far: FarSocket) {
  for (let i = 0; i < 50; i++) {
    await near.send(`question ${i}`, patience())
    assert.equal(texts(await far.receive()), [`question ${i}`])
    await far.send(`answer ${i}`)
    assert.equal(texts(await near.receive(patience())), [`answer ${i}`])
  }
}

/** The near side speaks first to a router, which answers by the routing id. */
async function routed(near: Socket, far: FarSocket) {
  const ask = near.type === 'req' ? ['ask'] : ['', 'ask']
  for (let i = 0; i < 50; i++) {
    await near.send(ask, patience())
    const [id, empty, text] = await far.receive()
    assert.equal(texts([id ?? Buffer.of()]), ['near'])
    assert.equal(texts([empty ?? Buffer.of(1), text ?? Buffer.of()]), ['', 'ask'])
    await far.send([id ?? '', '', 'answer'])
    assert.equal(texts(await near.receive(patience())), [...ask.slice(1).map(() => ''), 'answer'])
  }
}

async function published(near: Socket, far: FarSocket) {
  near.set('subscribe', 'a')
  let first: string[] | undefined
  await until(async () => {
    await far.send(['a', 'first'])
    await new Promise((resolve) => setTimeout(resolve, 10))
    first = near.tryReceive()?.map(String)
    return first !== undefined
  }, 'the subscription')
  await far.send(['b', 'not for us'])
  await far.send(['a', 'last'])
  for (;;) {
    const got = texts(await near.receive(patience()))
    assert.is(got[0], 'a')
    if (got[1] === 'last') return
    assert.is(got[1], 'first')
  }
}

/** Subscriptions are messages here. Whoever binds learns of the connection in its calls only: so it waits. */
async function subscribed(near: Socket, far: FarSocket) {
  await near.send(Buffer.from('\u0001topic'), patience())
  const text = near.receive(patience())
  assert.equal(texts(await far.receive()), ['\u0001topic'])
  await far.send(['topic', 'text'])
  assert.equal(texts(await text), ['topic', 'text'])
  await near.send(Buffer.from('\u0000topic'), patience())
  assert.equal(texts(await far.receive()), ['\u0000topic'])
}

const patterns: readonly [SocketType, SocketType, Exchange][] = [
  ['pair', 'pair', bothWays],
  ['push', 'pull', nearToFar],
  ['pull', 'push', farToNear],
  ['req', 'rep', question],
  ['dealer', 'dealer', bothWays],
  ['req', 'router', routed],
  ['dealer', 'router', routed],
  ['sub', 'pub', published],
  ['sub', 'xpub', published],
  ['xsub', 'xpub', subscribed],
]

for (const [near, far, exchange] of patterns)
  for (const binds of ['near', 'far'] as const)
    test(`${near} and ${far}, the ${binds} side binds`, () =>
      withPeer((peer) =>
        withContext(async (context) => {
          const here = context.socket(near, { linger: 0, routing_id: 'near' })
          const there = await peer.socket(far, { linger: 0 })
          if (binds === 'near') await there.connect(here.bind('scif://*:*'))
          else here.connect(await there.bind())
          await exchange(here, there)
        }),
      ))

test('dealer and rep, router and req: envelopes made by hand', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const dealer = context.socket('dealer')
      const rep = await peer.socket('rep')
      dealer.connect(await rep.bind())
      await dealer.send(['', 'ask'], patience())
      assert.equal(texts(await rep.receive()), ['ask'])
      await rep.send('answer')
      assert.equal(texts(await dealer.receive(patience())), ['', 'answer'])
    }),
  ))

test('two routers find each other by routing id', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const here = context.socket('router', { routing_id: 'here', router_mandatory: true })
      const there = await peer.socket('router', { routing_id: 'there', router_mandatory: true })
      here.connect(await there.bind())
      await until(async () => {
        try {
          return here.trySend(['there', 'hello'])
        } catch (error) {
          assert.is((error as zmq.ZmqError).code, 'EHOSTUNREACH')
          return false
        }
      }, 'a route')
      assert.equal(texts(await there.receive()), ['here', 'hello'])
      await there.send(['here', 'and back'])
      assert.equal(texts(await here.receive(patience())), ['there', 'and back'])
    }),
  ))

test('stream sockets: refused over scif://, raw bytes over tcp://', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const server = context.socket('stream')
      assert.throws(
        () => server.bind('scif://*:*'),
        (error: zmq.ZmqError) =>
          error.code === 'ENOCOMPATPROTO' &&
          error.syscall === 'zmq_bind' &&
          error.endpoint === 'scif://*:*',
      )
      const client = await peer.socket('stream')
      await client.connect(server.bind('tcp://127.0.0.1:*'))
      const [id = Buffer.of(), hello] = await server.receive(patience())
      assert.is(hello?.length, 0)
      await server.send([id, 'raw'], patience())
      assert.equal(texts((await client.receive()).slice(1)), [''])
      assert.equal(texts((await client.receive()).slice(1)), ['raw'])
    }),
  ))

test('every socket type of this build can be made, and names itself', () =>
  withContext(async (context) => {
    assert.ok(zmq.socketTypes.length >= 12)
    for (const [number, type] of zmq.socketTypes.entries()) {
      const socket = context.socket(type)
      assert.is(socket.get('type'), number)
      socket.close()
    }
  }))

test.run()
