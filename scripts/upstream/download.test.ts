// SPDX-License-Identifier: MPL-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { probe } from './download.ts'
import { RouteFailure } from './route.ts'
import { refusing, within } from './testing.ts'

const signal = new AbortController().signal

async function failure(work: Promise<void>): Promise<RouteFailure> {
  const error = await within(30_000, work).catch((each) => each)
  assert.instance(error, RouteFailure)
  assert.is(error.scope, 'route')
  return error
}

// Listens, says where, and never accepts: once its short queue is full, the kernel drops what
// comes, as a firewall does.
const deafServer = `
const server = require('node:net').createServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  require('node:fs').writeSync(1, String(server.address().port))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000)
})`

test('a network that swallows packets is given up after the time-out', async () => {
  const child = spawn(process.execPath, ['-e', deafServer], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const fillers: ReturnType<typeof connect>[] = []
  try {
    const [said] = await within(30_000, once(child.stdout, 'data'))
    const port = Number(said)
    for (let i = 0; i < 8; i++) fillers.push(connect({ port, host: '127.0.0.1' }))
    for (const filler of fillers) filler.on('error', () => {})
    await within(30_000, Promise.all(fillers.slice(0, 2).map((filler) => once(filler, 'connect'))))
    const since = Date.now()
    const patience = { connect: 500, stall: 500 }
    const error = await failure(probe('127.0.0.1', port, { patience, signal }))
    assert.is(error.message, '127.0.0.1 could not be reached (no answer within 0.5 s)')
    assert.ok(Date.now() - since >= 490)
  } finally {
    for (const filler of fillers) filler.destroy()
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

test('a port where nobody listens fails at once', async () => {
  const options = { patience: { connect: 30_000, stall: 30_000 }, signal }
  await refusing(async (base) => {
    const error = await failure(probe('127.0.0.1', Number(new URL(base).port), options))
    assert.match(error.message, 'could not be reached (ECONNREFUSED)')
  })
})

test('an interrupt ends the attempt', async () => {
  const abort = new AbortController()
  abort.abort(new Error('interrupted'))
  const patience = { connect: 30_000, stall: 30_000 }
  const work = probe('127.0.0.1', 9, { patience, signal: abort.signal })
  assert.is((await within(30_000, work).catch((each) => each)).message, 'interrupted')
})

test.run()
