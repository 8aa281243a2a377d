// SPDX-License-Identifier: MPL-2.0
//
// The end at every point of life: of the process, of a worker thread, of an object.
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as zmq from '../index.js'
import { collect, descriptors, runScript, until, withContext, within } from './harness.ts'

const points = [
  'nothing',
  'context',
  'socket',
  'bound',
  'connecting',
  'closedWithMessages',
  'receiving',
  'receivingOnThread',
  'sending',
  'sendingOnThread',
  'polling',
  'proxying',
  'terminating',
  'monitoring',
  'traffic',
  'worker',
]

for (const point of points)
  test(`${point}: exit, an exception and a signal end the process at once`, async () => {
    const [exit, thrown, signal] = await Promise.all([
      runScript('ending.js', point, 'exit'),
      runScript('ending.js', point, 'throw'),
      runScript('ending.js', point, 'signal'),
    ])
    assert.equal([exit.code, exit.signal], [7, null], exit.output)
    assert.equal([thrown.code, thrown.signal], [1, null], thrown.output)
    assert.match(thrown.output, /thrown on purpose/)
    assert.equal([signal.code, signal.signal], [null, 'SIGTERM'], signal.output)
    assert.not.match(exit.output + signal.output, /./)
  })

for (const point of points.slice(0, 6))
  test(`${point}: nothing keeps the process from its natural end`, async () => {
    const { code, signal, output } = await runScript('ending.js', point, 'run out')
    assert.equal([code, signal, output], [0, null, ''])
  })

const threads = () => readdirSync('/proc/self/task').length

test('worker threads that are terminated leave no descriptor and no thread', async () => {
  const round = async () => {
    const worker = new Worker(new URL('./worker.js', import.meta.url))
    await within(once(worker, 'message'), 'the worker')
    await within(worker.terminate(), 'its end')
  }
  // The first one makes what stays: SoftSCIF's own descriptors among it.
  await round()
  await settled(descriptors)
  const before = { descriptors: descriptors(), threads: threads() }
  for (let i = 0; i < 10; i++) await round()
  const now = () => ({ descriptors: descriptors(), threads: threads() })
  try {
    await until(
      () => descriptors() <= before.descriptors && threads() <= before.threads,
      'what there was before',
    )
  } catch {
    assert.equal(now(), before)
  }
})

/** Waits until a figure stays as it is. */
async function settled(figure: () => number) {
  let last = -1
  await until(async () => {
    const now = figure()
    const same = now === last
    last = now
    await new Promise((resolve) => setTimeout(resolve, 200))
    return same
  }, 'a figure to settle')
}

test('objects that were dropped without being closed are collected and closed', async () => {
  await collect()
  await settled(descriptors)
  const before = { ...zmq.open(), descriptors: descriptors() }
  ;(() => {
    for (let i = 0; i < 50; i++) {
      const context = new zmq.Context()
      const pull = context.socket('pull')
      pull.bind('scif://*:*')
      pull.tryReceive()
      context.socket('push').connect(pull.lastEndpoint)
    }
  })()
  assert.ok(zmq.open().sockets >= before.sockets + 100)
  await until(async () => {
    await collect()
    const { contexts, sockets } = zmq.open()
    return contexts <= before.contexts && sockets <= before.sockets
  }, 'their end')
  await until(() => descriptors() <= before.descriptors, 'the end of their descriptors')
})

test('what somebody waits for is not collected', () =>
  withContext(async (context) => {
    const endpoint = 'scif://*:*'
    let bound = ''
    const message = (() => {
      const pull = context.socket('pull')
      bound = pull.bind(endpoint)
      return pull.receive()
    })()
    for (let i = 0; i < 5; i++) await collect()
    const push = context.socket('push')
    push.connect(bound)
    await push.send('still there')
    assert.is(String(await within(message, 'the message')), 'still there')
  }))

test('terminating a context twice, closing twice, using what is closed', async () => {
  const context = new zmq.Context()
  const socket = context.socket('pull')
  socket.close()
  socket.close()
  assert.is(socket.closed, true)
  assert.throws(() => socket.tryReceive(), /ENOTSOCK/)
  await context.term()
  assert.is(context.closed, true)
  assert.match(await context.term().then(() => '', String), /ETERM/)
  context.shutdown()
})

test.run()
