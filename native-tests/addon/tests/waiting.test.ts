// SPDX-License-Identifier: MPL-2.0
//
// Who waits, for what, how long, and how it ends.
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as zmq from '../index.js'
import { patience, until, withContext, withPeer } from './harness.ts'

/** The code of what a promise is rejected with, or the name of what libzmq does not know. */
async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    return (error as zmq.ZmqError).code?.toString().replace(/^\d+$/, '') || (error as Error).name
  }
  return 'none'
}

test('promises are served in the order of the calls', () =>
  withContext(async (context) => {
    const pull = context.socket('pull')
    const push = context.socket('push')
    const order: string[] = []
    const waiting = Array.from({ length: 50 }, async () => {
      order.push(String(await pull.receive(patience())))
    })
    push.connect(pull.bind('scif://*:*'))
    const sent = Array.from({ length: 50 }, (_, i) => push.send(`${i}`, patience()))
    await Promise.all([...waiting, ...sent])
    assert.equal(
      order,
      Array.from({ length: 50 }, (_, i) => `${i}`),
    )
  }))

test('sending waits at the high-water mark, and goes on when there is room', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const push = context.socket('push', { sndhwm: 5, linger: 0 })
      const pull = await peer.socket('pull', { rcvhwm: 5 })
      push.connect(await pull.bind())
      let taken = 0
      const all = Array.from({ length: 500 }, async () => {
        await push.send(Buffer.alloc(50_000), patience())
        taken++
      })
      await until(() => taken > 0, 'the first')
      assert.is(push.trySend('not before those'), false)
      assert.ok(taken < 500)
      await pull.digests(500)
      await Promise.all(all)
    }),
  ))

test('one socket sends and receives at once, both under pressure', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const hwm = { sndhwm: 3, rcvhwm: 3 }
      for (const type of ['dealer', 'pair'] as const) {
        const near = context.socket(type, hwm)
        const far = await peer.socket(type, hwm)
        near.connect(await far.bind())
        void far.echo().catch(() => {})
        const back: Promise<Buffer[]>[] = []
        for (let i = 0; i < 1000; i++) back.push(near.receive(patience()))
        for (let i = 0; i < 1000; i++) await near.send([`${i}`, Buffer.alloc(2000)], patience())
        const got = await Promise.all(back)
        assert.ok(got.every(([number], i) => String(number) === `${i}`))
        near.close()
      }
    }),
  ))

test('a mandatory router waits for room at one peer', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const router = context.socket('router', { router_mandatory: true, sndhwm: 2, linger: 0 })
      const dealer = await peer.socket('dealer', { routing_id: 'slow', rcvhwm: 2 })
      await dealer.connect(router.bind('scif://*:*'))
      await dealer.send('here I am')
      await router.receive(patience())
      const all = Array.from({ length: 200 }, () =>
        router.send(['slow', Buffer.alloc(50_000)], patience()),
      )
      const late = router.receive(patience())
      await dealer.digests(200)
      await Promise.all(all)
      await dealer.send('all there')
      assert.is(String((await late)[1]), 'all there')
      assert.is(await failure(router.send(['nobody', ''], patience())), 'EHOSTUNREACH')
    }),
  ))

test('an AbortSignal ends the wait of the one it is for', () =>
  withContext(async (context) => {
    const pull = context.socket('pull')
    const endpoint = pull.bind('scif://*:*')
    const patient = pull.receive(patience())
    const soon = AbortSignal.timeout(20)
    assert.is(await failure(pull.receive({ signal: soon })), 'TimeoutError')
    assert.is(await failure(pull.receive({ signal: AbortSignal.abort() })), 'AbortError')
    const push = context.socket('push', { linger: 0 })
    assert.is(
      await failure(push.send('to nobody', { signal: AbortSignal.timeout(20) })),
      'TimeoutError',
    )
    push.connect(endpoint)
    await push.send('once')
    assert.is(String(await patient), 'once')
    assert.is(pull.tryReceive(), undefined)
  }))

test('closing, shutting down and terminating end every wait', () =>
  withContext(async (context) => {
    const ends: [() => unknown, string][] = [
      [() => sockets[0]?.close(), 'ENOTSOCK'],
      [() => context.shutdown(), 'ETERM'],
    ]
    const sockets = [context.socket('pull'), context.socket('pull')]
    for (const [i, [end, code]] of ends.entries()) {
      const socket = sockets[i] as zmq.Socket
      socket.bind('scif://*:*')
      const waits = [socket.receive(), socket.receive()].map(failure)
      end()
      assert.equal(await Promise.all(waits), [code, code])
    }
    const another = new zmq.Context()
    const push = another.socket('push')
    const waits = [failure(push.send('to nobody'))]
    const late = failure(another.socket('pull').receive())
    await another.term()
    assert.equal(await Promise.all([...waits, late]), ['ETERM', 'ETERM'])
    assert.throws(() => another.socket('pull'), /ETERM/)
    assert.throws(() => push.bind('scif://*:*'), /ENOTSOCK/)
  }))

test('a thread has the socket for itself until its call is back', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const pair = context.socket('pair')
      const far = await peer.socket('pair')
      pair.connect(await far.bind())
      const message = pair.receiveOnThread()
      const busy: (() => unknown)[] = [
        () => pair.get('fd'),
        () => pair.set('linger', 0),
        () => pair.trySend('x'),
        () => pair.tryReceive(),
        () => pair.bind('scif://*:*'),
        () => pair.monitor(),
      ]
      for (const use of busy) assert.throws(use, (error: zmq.ZmqError) => error.code === 'EBUSY')
      assert.is(await failure(pair.send('x')), 'EBUSY')
      assert.is(await failure(zmq.poll([{ socket: pair, events: zmq.POLLIN }])), 'EBUSY')
      await far.send(['from', 'far'])
      assert.equal((await message).map(String), ['from', 'far'])
      await pair.sendOnThread(['to', 'far'])
      assert.is(String(Buffer.from((await far.receive())[1] ?? '')), 'far')
      pair.set('rcvtimeo', 20)
      assert.is(await failure(pair.receiveOnThread()), 'EAGAIN')
      pair.set('rcvtimeo', -1)
      const last = failure(pair.receiveOnThread())
      pair.close()
      assert.is(pair.closed, true)
      context.shutdown()
      assert.is(await last, 'ETERM')
    }),
  ))

test('many threads wait at once, and files are still read', () =>
  withContext(async (context) => {
    const { readFile } = await import('node:fs/promises')
    const pairs = Array.from({ length: 40 }, () => {
      const pull = context.socket('pull')
      const push = context.socket('push')
      push.connect(pull.bind('scif://*:*'))
      return { pull, push }
    })
    const messages = pairs.map(({ pull }) => pull.receiveOnThread())
    assert.ok((await readFile(import.meta.filename)).length > 0)
    await Promise.all(pairs.map(({ push }, i) => push.sendOnThread(`${i}`)))
    assert.equal(
      (await Promise.all(messages)).map(String),
      pairs.map((_, i) => `${i}`),
    )
  }))

test('poll tells which of several are ready', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const [one, two] = [context.socket('pair'), context.socket('pair')]
      const far = await peer.socket('pair')
      await far.connect(two.bind('scif://*:*'))
      const items = [
        { socket: one, events: zmq.POLLIN | zmq.POLLOUT },
        { socket: two, events: zmq.POLLIN },
      ]
      assert.equal(await zmq.poll(items, 20), [0, 0])
      const ready = zmq.poll(items)
      await far.send('x')
      assert.equal(await ready, [0, zmq.POLLIN])
      assert.equal(await zmq.poll([{ fd: two.get('fd'), events: zmq.POLLOUT }], 0), [zmq.POLLOUT])
      const ended = failure(zmq.poll(items.slice(0, 1)))
      context.shutdown()
      assert.is(await ended, 'ETERM')
      for (const wrong of [[{}], [1], [{ socket: {}, events: 1 }], [{ fd: 1 }]])
        assert.is(await failure(zmq.poll(wrong as never, 0)), 'TypeError')
    }),
  ))

test('a proxy between processes, which is paused, resumed and terminated', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const frontend = context.socket('pull')
      const backend = context.socket('push')
      const capture = context.socket('push')
      const control = context.socket('pair')
      const steering = context.socket('pair')
      const captured = context.socket('pull')
      control.bind('inproc://control')
      steering.connect('inproc://control')
      capture.bind('inproc://capture')
      captured.connect('inproc://capture')
      const source = await peer.socket('push')
      const sink = await peer.socket('pull')
      await source.connect(frontend.bind('scif://*:*'))
      await sink.connect(backend.bind('scif://*:*'))
      const proxying = zmq.proxy(frontend, backend, capture, control)
      assert.throws(() => frontend.get('events'), /EBUSY/)
      for (let i = 0; i < 20; i++) {
        await source.send(`${i}`)
        assert.is(String(Buffer.from((await sink.receive())[0] ?? '')), `${i}`)
        assert.is(String(await captured.receive(patience())), `${i}`)
      }
      await steering.send('TERMINATE')
      await proxying
      assert.is(frontend.get('type'), 7)
      const again = failure(zmq.proxy(frontend, backend))
      context.shutdown()
      assert.is(await again, 'ETERM')
    }),
  ))

test.run()
