// SPDX-License-Identifier: MPL-2.0
//
// The far side of a test: another process, which does what it is told over node's IPC channel.
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import * as zmq from '../index.js'

const context = new zmq.Context({ max_sockets: 5000 })
/** @type {zmq.Socket[]} */
const sockets = []

const digest = (message) =>
  message.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex')

const commands = {
  socket: (type, options) => sockets.push(context.socket(type, options)) - 1,
  bind: (id, endpoint) => sockets[id].bind(endpoint),
  connect: (id, endpoint) => sockets[id].connect(endpoint),
  set: (id, name, value) => sockets[id].set(name, value),
  send: (id, message) => sockets[id].send(message),
  receive: (id) => sockets[id].receive(),
  close: (id) => sockets[id].close(),
  /** Sends `count` messages of one part of `size` bytes, which all are their number. */
  async flood(id, count, size) {
    for (let i = 0; i < count; i++) await sockets[id].send(zmq.allocate(size).fill(i % 251))
  },
  /** What has come, as digests over all parts. */
  async digests(id, count) {
    const all = []
    while (all.length < count) all.push(digest(await sockets[id].receive()))
    return all
  },
  /** Sends back whatever comes. */
  async echo(id) {
    for await (const message of sockets[id]) await sockets[id].send(message)
  },
  /** How many messages come until there has been silence for a while. */
  async count(id, silence) {
    for (let count = 0; ; count++)
      try {
        await sockets[id].receive({ signal: AbortSignal.timeout(silence) })
      } catch (error) {
        if (error.name !== 'TimeoutError') throw error
        return count
      }
  },
  library: () => zmq.library(),
  use: () => ({
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    ...zmq.open(),
  }),
  term: () => context.term(),
}

process.on('message', async ({ id, name, args }) => {
  try {
    process.send({ id, value: await commands[name](...args) })
  } catch (error) {
    process.send({ id, error: { message: error.message, code: error.code } })
  }
})
process.on('disconnect', () => process.exit(0))
process.send({ ready: true })
