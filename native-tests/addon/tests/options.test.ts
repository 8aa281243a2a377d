// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as zmq from '../index.js'
import { withContext } from './harness.ts'

test('this libzmq is the one under test, and has scif', () => {
  assert.match(zmq.version(), /^4\.\d+\.\d+$/)
  assert.is(zmq.has('scif'), true)
  assert.is(zmq.has('curve'), true)
  assert.is(zmq.has('no such thing'), false)
  assert.match(zmq.library() ?? '', /\/libzmq\.so/)
})

test('options keep what they are given', () =>
  withContext(async (context) => {
    const socket = context.socket('dealer', { linger: 7, routing_id: 'me', affinity: 1n })
    assert.is(socket.get('linger'), 7)
    assert.equal(socket.get('routing_id'), Buffer.from('me'))
    assert.is(socket.get('affinity'), 1n)
    const numbers = ['sndhwm', 'rcvhwm', 'sndbuf', 'rcvbuf', 'backlog', 'heartbeat_ivl'] as const
    for (const name of numbers) {
      socket.set(name, 4321)
      assert.is(socket.get(name), 4321, name)
    }
    socket.set('immediate', true)
    assert.is(socket.get('immediate'), true)
    socket.set('maxmsgsize', 2 ** 40)
    assert.is(socket.get('maxmsgsize'), 2 ** 40)
    socket.set('plain_username', 'somebody')
    assert.is(socket.get('plain_username'), 'somebody')
    socket.set('plain_username', null)
    assert.is(socket.get('mechanism'), 0)
    assert.is(socket.get('rcvmore'), false)
    assert.is(socket.get('events'), 0)
    assert.ok(socket.get('fd') > 2)
  }))

test('the last endpoint is canonical', () =>
  withContext(async (context) => {
    const socket = context.socket('pull')
    const endpoint = socket.bind('scif://*')
    assert.match(endpoint, /^scif:\/\/0:\d+$/)
    assert.is(socket.lastEndpoint, endpoint)
    assert.match(socket.bind('tcp://127.0.0.1:*'), /^tcp:\/\/127\.0\.0\.1:\d+$/)
    assert.match(socket.bind('ipc://*'), /^ipc:\/\//)
  }))

test('contexts have options, too', async () => {
  const context = new zmq.Context({ io_threads: 2, max_sockets: 3, blocky: false })
  assert.is(context.get('io_threads'), 2)
  assert.is(context.get('blocky'), false)
  assert.ok(context.get('socket_limit') >= 1023)
  const sockets = [1, 2, 3].map(() => context.socket('pair'))
  assert.throws(
    () => context.socket('pair'),
    (error: zmq.ZmqError) => error.code === 'EMFILE' && error.syscall === 'zmq_socket',
  )
  assert.is(sockets[0]?.get('linger'), 0)
  await context.term()
  assert.throws(() => context.get('io_threads'), /ETERM/)
})

test('wrong names and values are refused, as is what libzmq refuses', () =>
  withContext(async (context) => {
    const socket = context.socket('req')
    const set = socket.set.bind(socket) as (name: unknown, value?: unknown) => void
    for (const [name, value] of [
      ['no_such_option', 1],
      ['linger', '1'],
      ['linger', 1.5],
      ['linger', 2 ** 31],
      ['immediate', 1],
      ['routing_id', 5],
      [undefined, 1],
      ['linger', undefined],
    ])
      assert.throws(
        () => set(name, value),
        (error: Error) => error instanceof TypeError,
        `${name} ${value}`,
      )
    assert.throws(
      () => set('curve_publickey', 'too short'),
      (error: zmq.ZmqError) => error.code === 'EINVAL' && error.errno === 22,
    )
    assert.throws(() => set('sndhwm', -1), /EINVAL.*zmq_setsockopt/)
    assert.throws(() => context.socket('no such type' as never), /no socket type is called/)
    assert.throws(() => new zmq.Socket({} as never, 'pair'), /made in a Context/)
    assert.throws(() => context.socket('pair', { linger: 'x' as never }), TypeError)
  }))

test('errors have errno, code, syscall and endpoint', () =>
  withContext(async (context) => {
    const socket = context.socket('rep')
    const codes: [() => unknown, string, string | undefined][] = [
      [() => socket.bind('scif://nowhere:1'), 'EINVAL', 'scif://nowhere:1'],
      [() => socket.connect('scif://0:70000'), 'EINVAL', 'scif://0:70000'],
      [() => socket.connect('nothing://x'), 'EPROTONOSUPPORT', 'nothing://x'],
      [() => socket.disconnect('scif://0:2345'), 'ENOENT', 'scif://0:2345'],
      [() => socket.trySend('no question yet'), 'EFSM', undefined],
    ]
    for (const [use, code, endpoint] of codes)
      try {
        use()
        assert.unreachable(code)
      } catch (error) {
        const { errno, message, ...rest } = error as zmq.ZmqError
        assert.is(rest.code, code)
        assert.is(rest.endpoint, endpoint)
        assert.ok(errno > 0 && message.startsWith(`${code}: `), message)
        assert.match(rest.syscall, /^zmq_/)
      }
    const taken = socket.bind('scif://*:*')
    assert.throws(
      () => context.socket('rep').bind(taken),
      (error: zmq.ZmqError) => error.code === 'EADDRINUSE' && error.endpoint === taken,
    )
  }))

test.run()
