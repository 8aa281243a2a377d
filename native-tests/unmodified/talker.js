// SPDX-License-Identifier: MPL-2.0
//
// talker.js push|pull|req|rep ENDPOINT COUNT: as talker.py, over the addon.
import { readFileSync } from 'node:fs'
import * as zmq from '../addon/index.js'

const [, , role, endpoint, count] = process.argv

const say = (facts) => process.stdout.write(`${JSON.stringify(facts)}\n`)

function loaded() {
  const maps = readFileSync('/proc/self/maps', 'utf8')
  return [
    ...new Set([...maps.matchAll(/\/\S*\/lib(?:zmq|scif)\S*$/gm)].map(([path]) => path)),
  ].sort()
}

function message(number) {
  return [Buffer.from(`${number}`), Buffer.alloc((number * 997) % 300_000, number % 251)]
}

const same = (got, expected) =>
  got.length === expected.length && got.every((part, i) => part.equals(expected[i]))

const context = new zmq.Context()
const socket = context.socket(role, { linger: 30_000 })
const patience = () => ({ signal: AbortSignal.timeout(30_000) })
if (role === 'pull' || role === 'rep') say({ endpoint: socket.bind(endpoint) })
else socket.connect(endpoint)
let good = 0
for (let number = 0; number < Number(count); number++) {
  if (role === 'push' || role === 'req') await socket.send(message(number), patience())
  if (role !== 'push') good += same(await socket.receive(patience()), message(number)) ? 1 : 0
  if (role === 'rep') await socket.send(message(number), patience())
}
await context.term()
say({ role, good, version: zmq.version(), scif: zmq.has('scif'), loaded: loaded() })
