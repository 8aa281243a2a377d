// SPDX-License-Identifier: MPL-2.0
//
// Peers that come, go, hang and come back; what the monitor tells of them.
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type * as zmq from '../index.js'
import { Peer, patience, until, withContext, withPeer } from './harness.ts'

test('the monitor tells a connection’s life, in canonical endpoints', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const pull = context.socket('pull')
      const monitor = pull.monitor()
      const endpoint = pull.bind('scif://*:*')
      assert.match(endpoint, /^scif:\/\/0:\d+$/)
      assert.is((await monitor.until('listening', patience())).endpoint, endpoint)
      const push = await peer.socket('push')
      await push.connect(endpoint)
      assert.is((await monitor.until('accepted', patience())).endpoint, endpoint)
      await monitor.until('handshake_succeeded', patience())
      await push.close()
      await monitor.until('disconnected', patience())
      pull.unbind(endpoint)
      assert.is((await monitor.until('closed', patience())).endpoint, endpoint)
      monitor.close()
    }),
  ))

test('closing an older monitor leaves the newer one alone', () =>
  withContext(async (context) => {
    const pull = context.socket('pull')
    const older = pull.monitor()
    const newer = pull.monitor()
    older.close()
    pull.bind('scif://*:*')
    assert.is((await newer.receive(patience())).event, 'listening')
    newer.close()
  }))

test('a message whose getter closes the socket is refused', () =>
  withContext(async (context) => {
    for (const how of ['send', 'trySend'] as const) {
      const push = context.socket('push', { linger: 0 })
      push.bind('scif://*:*')
      const message = [Buffer.from('x'), Buffer.from('y')]
      Object.defineProperty(message, 1, {
        get: () => {
          push.close()
          return Buffer.from('y')
        },
      })
      const outcome = (async () => push[how](message))()
      assert.ok((await outcome.catch((error: Error) => error)) instanceof Error, how)
    }
  }))

test('a monitor of chosen events tells no others, and ends with its socket', () =>
  withContext(async (context) => {
    const pull = context.socket('pull')
    const monitor = pull.monitor('accepted', 'monitor_stopped')
    const push = context.socket('push')
    push.connect(pull.bind('scif://*:*'))
    await push.send('x')
    await pull.receive(patience())
    const seen: string[] = []
    const all = (async () => {
      for await (const { event } of monitor) seen.push(event)
    })()
    pull.close()
    await all
    assert.equal(seen, ['accepted', 'monitor_stopped'])
    assert.throws(() => push.monitor('no such event' as never), /no event is called/)
  }))

test('a peer that was killed is disconnected; its successor on the same port is connected to', () =>
  withContext(async (context) => {
    const push = context.socket('push', { reconnect_ivl: 10, linger: 0 })
    const monitor = push.monitor('handshake_succeeded', 'disconnected')
    // Not a port of a wildcard: connecters get those, too, as soon as one is free.
    const endpoint = 'scif://0:4000'
    push.connect(endpoint)
    for (let life = 0; life < 4; life++) {
      const peer = await Peer.start()
      try {
        const pull = await peer.socket('pull')
        await pull.bind(endpoint)
        await monitor.until('handshake_succeeded', patience())
        await push.send(`life ${life}`, patience())
        assert.is(String(Buffer.from((await pull.receive())[0] ?? '')), `life ${life}`)
      } finally {
        await peer.end('SIGKILL')
      }
      await monitor.until('disconnected', patience())
    }
  }))

test('a connecter that is killed costs nothing but its connection', () =>
  withContext(async (context) => {
    const pull = context.socket('pull')
    const endpoint = pull.bind('scif://*:*')
    for (let life = 0; life < 4; life++)
      await withPeer(async (peer) => {
        const push = await peer.socket('push')
        await push.connect(endpoint)
        const flood = push.flood(1_000_000, 1000).catch(() => 'killed')
        for (let i = 0; i < 100; i++) await pull.receive(patience())
        await peer.end('SIGKILL')
        assert.is(await flood, 'killed')
        while (pull.tryReceive());
      })
  }))

test('heartbeats notice a peer that hangs, and it is connected to again when it goes on', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const options = { heartbeat_ivl: 100, heartbeat_timeout: 300, reconnect_ivl: 50 }
      const dealer = context.socket('dealer', { ...options, linger: 0 })
      const monitor = dealer.monitor('handshake_succeeded', 'disconnected')
      const far = await peer.socket('dealer')
      dealer.connect(await far.bind())
      await monitor.until('handshake_succeeded', patience())
      peer.signal('SIGSTOP')
      await monitor.until('disconnected', patience())
      peer.signal('SIGCONT')
      await monitor.until('handshake_succeeded', patience())
      await dealer.send('again', patience())
      assert.is(String(Buffer.from((await far.receive())[0] ?? '')), 'again')
    }),
  ))

test('heartbeats leave a quiet peer alone', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const dealer = context.socket('dealer', { heartbeat_ivl: 20, heartbeat_timeout: 2000 })
      const monitor = dealer.monitor('disconnected', 'handshake_succeeded')
      const far = await peer.socket('dealer')
      dealer.connect(await far.bind())
      await monitor.until('handshake_succeeded', patience())
      try {
        const { event } = await monitor.receive({ signal: AbortSignal.timeout(1000) })
        assert.unreachable(event)
      } catch (error) {
        assert.is((error as Error).name, 'TimeoutError')
      }
    }),
  ))

test('all that was sent arrives, though the sender closes at once and the receiver is slow', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const far = await peer.socket('pull', { rcvhwm: 10 })
      const push = context.socket('push', { sndhwm: 0 })
      push.connect(await far.bind())
      for (let i = 0; i < 2000; i++) await push.send(Buffer.alloc(3000, i))
      const gone = context.term()
      assert.is(await far.count(1000), 2000)
      await gone
    }),
  ))

test('disconnect and unbind end what they name', () =>
  withContext(async (context) => {
    const pull = context.socket('pull')
    const endpoint = pull.bind('scif://*:*')
    const push = context.socket('push', { immediate: true, linger: 0 })
    push.connect(endpoint)
    await push.send('x', patience())
    await pull.receive(patience())
    push.disconnect(endpoint)
    await until(() => !push.trySend('to nobody'), 'the end of the connection')
    pull.unbind(endpoint)
    assert.throws(
      () => pull.unbind(endpoint),
      (error: zmq.ZmqError) => error.code === 'ENOENT' && error.endpoint === endpoint,
    )
  }))

test('host and card: nodes 0 and 1', () =>
  withPeer(
    async (card) => {
      const far = await card.socket('pair')
      const endpoint = await far.bind('scif://mic0:*')
      assert.match(endpoint, /^scif:\/\/1:\d+$/)
      await withPeer(
        async (host) => {
          const near = await host.socket('pair')
          await near.connect(endpoint.replace('//1:', '//mic0:'))
          await near.send('over the bus')
          assert.is(String(Buffer.from((await far.receive())[0] ?? '')), 'over the bus')
        },
        { SOFTSCIF_NODES: '2', SOFTSCIF_NODE: '0' },
      )
    },
    { SOFTSCIF_NODES: '2', SOFTSCIF_NODE: '1' },
  ))

test.run()
