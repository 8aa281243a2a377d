// SPDX-License-Identifier: MPL-2.0
//
// ending.js POINT END: gets to a point of life, and ends there in some way. The test looks at how.
import { Worker } from 'node:worker_threads'
import * as zmq from '../index.js'

const [, , point = '', end = ''] = process.argv

const points = {
  nothing() {},
  context: () => new zmq.Context(),
  socket: () => new zmq.Context().socket('pull'),
  bound: () => listener(),
  connecting() {
    const push = new zmq.Context().socket('push')
    push.connect('scif://0:4')
    push.trySend('to nobody')
    return push
  },
  closedWithMessages() {
    points.connecting().close()
  },
  receiving: () => listener().receive(),
  receivingOnThread: () => listener().receiveOnThread(),
  sending: () => new zmq.Context().socket('push').send('to nobody'),
  sendingOnThread: () => new zmq.Context().socket('push').sendOnThread('to nobody'),
  polling: () => zmq.poll([{ fd: 0, events: 0 }]),
  proxying() {
    const context = new zmq.Context()
    return zmq.proxy(context.socket('router'), context.socket('dealer'))
  },
  terminating: () => points.connecting().context.term(),
  monitoring() {
    const monitor = listener().monitor()
    return monitor.until('disconnected')
  },
  async traffic() {
    const pull = listener()
    const push = pull.context.socket('push', { sndhwm: 5 })
    push.connect(pull.lastEndpoint)
    const send = async () => {
      for (;;) await push.send([zmq.allocate(100_000), 'x'])
    }
    send().catch(() => {})
    for await (const _ of pull);
  },
  worker() {
    const source = `import(${JSON.stringify(import.meta.url.replace('ending.js', 'worker.js'))})`
    return new Worker(source, { eval: true })
  },
}

function listener() {
  const pull = new zmq.Context().socket('pull')
  pull.bind('scif://*:*')
  return pull
}

const held = points[point]()
Promise.resolve(held).catch(() => {})
// Some way into what is under way.
await new Promise((resolve) => setTimeout(resolve, point === 'worker' ? 300 : 50))
switch (end) {
  case 'exit':
    process.exit(7)
    break
  case 'throw':
    setImmediate(() => {
      throw new Error('thrown on purpose')
    })
    break
  case 'signal':
    process.kill(process.pid, 'SIGTERM')
}
