// SPDX-License-Identifier: MPL-2.0
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '../ui/errors.ts'
import { type PairOptions, pairCommands, runLatency, runThroughput, scifEndpoints } from './pair.ts'
import { parseLatency, parseThroughput } from './parse.ts'

const scratch = mkdtempSync(join(tmpdir(), 'zmq-scif-pair-'))
test.after(() => rmSync(scratch, { recursive: true, force: true }))

const thr = `message size: 1000 [B]
message count: 1000
mean throughput: 104635 [msg/s]
mean throughput: 837.083 [Mb/s]
`
const lat = `message size: 1000 [B]
roundtrip count: 500
average latency: 20.436 [us]
`

/** A folder with perf programs that are shell scripts. */
function fakes(programs: Record<string, string>): PairOptions {
  const bin = mkdtempSync(join(scratch, 'bin-'))
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  const signal = new AbortController().signal
  const env = { PATH: process.env.PATH }
  return { bin, ...scifEndpoints(7777), size: 1000, count: 1000, timeout: 20_000, env, signal }
}

async function failure(work: Promise<unknown>): Promise<UserError> {
  const error = await work.then(
    () => undefined,
    (error) => error,
  )
  assert.instance(error, UserError)
  return error as UserError
}

test('figures as upstream prints them', () => {
  assert.equal(parseThroughput(thr), {
    messageSize: 1000,
    messageCount: 1000,
    messagesPerSecond: 104635,
    megabitsPerSecond: 837.083,
  })
  assert.equal(parseLatency(lat), { messageSize: 1000, roundtrips: 500, microseconds: 20.436 })
})

test('output that was cut short, or is of another program, has no figures', () => {
  for (let end = 0; end < thr.length - 1; end++)
    assert.is(parseThroughput(thr.slice(0, end)), undefined, thr.slice(0, end))
  assert.is(parseThroughput(lat), undefined)
  assert.is(parseLatency(thr), undefined)
  assert.is(parseThroughput(thr.replace('104635', '-nan')), undefined)
})

test('the programs get the arguments of the seed', () => {
  const options = { bin: '/b', ...scifEndpoints(6666), size: 1000, count: 1000 }
  assert.equal(pairCommands('thr', options), {
    local: ['/b/local_thr', 'scif://6666', '1000', '1000'],
    remote: ['/b/remote_thr', 'scif://0:6666', '1000', '1000'],
  })
})

test('both programs run, in the order asked for, and the figures come back', async () => {
  const options = fakes({
    local_thr: `until [ -e remote-was-here ]; do sleep 0.01; done; printf '${thr.replaceAll('\n', '\\n')}'`,
    remote_thr: 'touch remote-was-here',
    local_lat: 'touch local-was-here',
    remote_lat: `until [ -e local-was-here ]; do sleep 0.01; done; printf '${lat.replaceAll('\n', '\\n')}'`,
  })
  const order = { first: 'remote', gap: 50 } as const
  assert.is((await runThroughput({ ...options, order })).messagesPerSecond, 104635)
  assert.is((await runLatency(options)).microseconds, 20.436)
})

test('a program that hangs is named, with what both have printed, and is killed', async () => {
  const options = fakes({
    local_thr: 'echo $$ > pid; echo bound; exec sleep 60',
    remote_thr: 'echo sent all',
  })
  const error = await failure(runThroughput({ ...options, timeout: 1_500 }))
  assert.match(error.message, /^local_thr did not end within 1\.5 s/)
  assert.match(error.details ?? '', /local_thr scif:\/\/7777 1000 1000\nbound\n/)
  assert.match(error.details ?? '', /sent all/)
  assert.match(error.hint, /remote_thr scif:\/\/0:7777/)
  assert.is(error.exitCode, 1)
  const pid = Number(readFileSync(join(options.bin, 'pid'), 'utf8'))
  const stat = `/proc/${pid}/stat`
  const gone = () => !existsSync(stat) || / Z /.test(readFileSync(stat, 'utf8'))
  for (let wait = 0; wait < 100 && !gone(); wait++) await sleep(20)
  assert.ok(gone(), `process ${pid} is still there`)
})

test('when one program fails, the other is not waited for', async () => {
  const options = fakes({
    local_lat: 'echo "error in zmq_bind: Address already in use"; exit 255',
    remote_lat: 'sleep 60',
  })
  const start = Date.now()
  const error = await failure(runLatency(options))
  assert.ok(Date.now() - start < 15_000)
  assert.match(error.message, /^local_lat failed with exit code 255/)
  assert.match(error.details ?? '', /Address already in use/)
})

test('a crash is told by its signal', async () => {
  const options = fakes({ local_thr: 'kill -SEGV $$', remote_thr: 'sleep 60' })
  assert.match((await failure(runThroughput(options))).message, /^local_thr was ended by SIGSEGV/)
})

test('ending well without figures is a failure, too', async () => {
  const options = fakes({ local_thr: 'echo nothing', remote_thr: '' })
  const error = await failure(runThroughput(options))
  assert.match(error.message, /local_thr ended well, but printed no figures/)
})

test('an interrupt ends both', async () => {
  const controller = new AbortController()
  const options = fakes({ local_thr: 'sleep 60', remote_thr: 'sleep 60' })
  const run = runThroughput({ ...options, signal: controller.signal })
  setTimeout(() => controller.abort(new Error('interrupted')), 200)
  const error = await run.then(
    () => undefined,
    (error) => error,
  )
  assert.is(error?.message, 'interrupted')
})

test.run()
