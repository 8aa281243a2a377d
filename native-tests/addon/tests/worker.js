// SPDX-License-Identifier: MPL-2.0
//
// A worker thread that has everything open and under way, until it is terminated.
import { parentPort } from 'node:worker_threads'
import * as zmq from '../index.js'

const context = new zmq.Context()
const socket = (type, options) => context.socket(type, options)
const bound = (type) => {
  const made = socket(type)
  made.bind('scif://*:*')
  return made
}
const ignore = () => {}

bound('pull').receive().catch(ignore)
bound('pull').receiveOnThread().catch(ignore)
const pull = bound('pull')
const push = socket('push')
push.connect(pull.lastEndpoint)
push.send(zmq.allocate(1 << 20)).catch(ignore)
// What it has sent lingers on for a while when the worker is gone.
const closed = socket('push', { linger: 300 })
closed.connect('scif://0:4')
closed.trySend(zmq.allocate(1 << 20))
closed.close()
zmq.proxy(bound('router'), bound('dealer')).catch(ignore)
zmq.poll([{ fd: 0, events: 0 }]).catch(ignore)
bound('rep').monitor().receive().catch(ignore)
new zmq.Context().term().catch(ignore)
const [near] = await pull.receive()
parentPort?.postMessage(near?.length)
