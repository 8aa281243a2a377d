// SPDX-License-Identifier: MPL-2.0
//
// What a message is made of, and whose memory it lies in.
import { createHash } from 'node:crypto'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as zmq from '../index.js'
import { collect, patience, until, withContext, withPeer } from './harness.ts'

const mebi = 1 << 20

/** A message of that many bytes, which are all different from their neighbours. */
function content(size: number, fill = zmq.allocate(size)): Buffer {
  for (let i = 0; i < Math.min(size, 251); i++) fill[i] = (i * 7) & 255
  for (let done = 251; done < size; done *= 2) fill.copy(fill, done, 0, Math.min(done, size - done))
  return fill
}

const digest = (...parts: readonly Uint8Array[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex')

/** A pair of sockets in one process, over scif://. */
async function pairOf(context: zmq.Context) {
  const near = context.socket('pair')
  const far = context.socket('pair')
  far.connect(near.bind('scif://*:*'))
  return { near, far }
}

test('0 bytes to 64 MiB reach another process intact, and come back', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const near = context.socket('pair')
      const far = await peer.socket('pair')
      near.connect(await far.bind())
      const sizes = [0, 1, 33, 255, 256, 4094, 4095, 4096, 8192, 65_537, mebi + 3, 64 * mebi]
      const sent = sizes.map((size) => content(size))
      const digests = far.digests(sizes.length)
      for (const message of sent) await near.send(message, patience())
      assert.equal(
        await digests,
        sent.map((message) => digest(message)),
      )
      void far.echo().catch(() => {})
      await near.send(sent, patience())
      const back = await near.receive(patience())
      assert.equal(
        back.map((part) => digest(part)),
        sent.map((part) => digest(part)),
      )
    }),
  ))

test('a thousand parts are one message', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const push = context.socket('push')
      const pull = await peer.socket('pull')
      push.connect(await pull.bind())
      const parts = Array.from({ length: 1000 }, (_, i) => content((i * 37) % 9000))
      await push.send(parts, patience())
      assert.equal(await pull.digests(1), [digest(...parts)])
    }),
  ))

test('strings, typed arrays, views and array buffers are parts', () =>
  withContext(async (context) => {
    const { near, far } = await pairOf(context)
    const bytes = Uint8Array.of(9, 1, 2, 3, 9)
    await near.send(['ä', bytes.subarray(1, 4), new DataView(bytes.buffer, 1, 2), bytes.buffer, ''])
    assert.equal(
      (await far.receive(patience())).map((part) => part.toString('hex')),
      ['c3a4', '010203', '0102', '0901020309', ''],
    )
    for (const wrong of [undefined, 1, null, {}, [], [1], [['nested']]])
      await rejects(near.send(wrong as never), TypeError)
  }))

test('V8’s memory is copied: what is written after sending is not sent', () =>
  withContext(async (context) => {
    const { near, far } = await pairOf(context)
    const own = Buffer.alloc(mebi, 1)
    const expected = digest(own)
    const sent = near.send(own)
    own.fill(2)
    await sent
    assert.is(digest(...(await far.receive(patience()))), expected)
  }))

test('large Buffers share their memory with libzmq and are forwarded without a copy', () =>
  withContext(async (context) => {
    await collect()
    const before = zmq.open().buffers
    const { near, far } = await pairOf(context)
    const made = content(mebi)
    assert.is(zmq.open().buffers, before + 1)
    await near.send(made)
    const [received = Buffer.of()] = await far.receive(patience())
    assert.is(zmq.open().buffers, before + 2)
    // A part of it, and the whole, from the middle of the chain on.
    await far.send([received, received.subarray(5000, 15_000), received.subarray(1, 3)])
    const back = await near.receive(patience())
    assert.equal(
      back.map((part) => digest(part)),
      [made, made.subarray(5000, 15_000), made.subarray(1, 3)].map((part) => digest(part)),
    )
  }))

test('small ones are copied, and so is what several subscribers share', () =>
  withContext(async (context) => {
    await collect()
    const before = zmq.open().buffers
    const pub = context.socket('pub')
    pub.bind('inproc://fan-out')
    const subs = [1, 2, 3].map(() => {
      const sub = context.socket('sub', { subscribe: '' })
      sub.connect('inproc://fan-out')
      return sub
    })
    await pub.send([Buffer.alloc(4095, 1), Buffer.alloc(mebi, 1)], patience())
    const got = await Promise.all(subs.map((sub) => sub.receive(patience())))
    assert.is(zmq.open().buffers, before)
    // Theirs alone: one writes, the others see nothing of it.
    got[0]?.[1]?.fill(2)
    assert.is(
      got[1]?.[1]?.every((byte) => byte === 1),
      true,
    )
  }))

test('the garbage collector gives the memory back', () =>
  withContext(async (context) => {
    await collect()
    const before = zmq.open().buffers
    const { near, far } = await pairOf(context)
    await (async () => {
      for (let i = 0; i < 50; i++) {
        await near.send(content(100_000))
        await far.receive(patience())
      }
    })()
    await until(async () => {
      await collect()
      return zmq.open().buffers <= before + 1
    }, 'the end of the Buffers')
  }))

test('a Buffer that is on its way survives its collection and its transfer', () =>
  withContext(async (context) => {
    const push = context.socket('push')
    const pull = context.socket('pull', { rcvhwm: 1 })
    push.connect(pull.bind('scif://*:*'))
    const expected: string[] = []
    for (let i = 0; i < 20; i++) {
      const made = content(mebi)
      made[0] = i
      expected.push(digest(made))
      await push.send(made)
      if (i % 2 === 0) tryToTransfer(made)
    }
    await collect()
    for (const each of expected) assert.is(digest(...(await pull.receive(patience()))), each)
  }))

/** Node.js clones it before version 21, and refuses from then on: either way the Buffer keeps its memory. */
function tryToTransfer(buffer: Buffer) {
  const { port1, port2 } = new MessageChannel()
  const expected = digest(buffer)
  try {
    port1.postMessage(buffer.buffer, [buffer.buffer as ArrayBuffer])
    const { message } = receiveMessageOnPort(port2) as { message: ArrayBuffer }
    assert.is(digest(new Uint8Array(message)), expected)
  } catch (error) {
    if ((error as Error).name !== 'DataCloneError') throw error
  } finally {
    port1.close()
  }
  assert.is(digest(buffer), expected)
}

test('allocate takes whole sizes only', () => {
  assert.is(zmq.allocate(0).length, 0)
  assert.is(zmq.allocate(100_000).length, 100_000)
  for (const wrong of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 33, '1', undefined])
    assert.throws(
      () => zmq.allocate(wrong as never),
      (error: Error) => error instanceof RangeError,
    )
})

async function rejects(promise: Promise<unknown>, kind: new () => Error) {
  try {
    await promise
  } catch (error) {
    assert.instance(error, kind)
    return
  }
  assert.unreachable('it did not throw')
}

test.run()
