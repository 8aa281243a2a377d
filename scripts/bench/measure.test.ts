// SPDX-License-Identifier: MPL-2.0
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { countFor, firstCount, mostMessages } from './calibrate.ts'
import { measure, type Session } from './measure.ts'
import type { Problem } from './report.ts'
import { runRounds, secondsEach } from './session.ts'
import { targets } from './targets.ts'
import { fakePrograms, printLatency, printThroughput } from './testing.ts'

const dirs: string[] = []
test.after(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
})

function fakes(programs: Record<string, string>): Session & { dir: string } {
  const session = fakePrograms(programs)
  dirs.push(session.dir)
  return session
}

function target(name: string) {
  const found = targets.find(({ transport }) => transport === name)
  assert.ok(found)
  return found as NonNullable<typeof found>
}

const remote = 'size=$2; count=$3; '

test('the time of all but the first message is divided by the messages but the first', async () => {
  const session = fakes({
    local_thr: `${remote}${printThroughput(1000)}`,
    remote_thr: '',
  })
  const outcome = await measure(target('ipc'), 'throughput', 64, 10, 10_000, session)
  assert.equal(outcome, { kind: 'figures', value: 900, seconds: 0.01 })
})

test('the end that only idles after the figures is ended', async () => {
  const session = fakes({
    local_lat: 'sleep 60; touch survived',
    remote_lat: `${remote}${printLatency(25)}`,
  })
  const start = performance.now()
  const outcome = await measure(target('tcp'), 'latency', 64, 1000, 20_000, session)
  assert.equal(outcome, { kind: 'figures', value: 25, seconds: 0.05 })
  assert.ok(performance.now() - start < 10_000)
  assert.not.ok(existsSync(join(session.places.scratch, 'survived')))
})

test('the remote end is started when the local one waits, and not before', async () => {
  const busy = 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; touch bound; '
  const session = fakes({
    local_lat: `${busy}exec sleep 60`,
    remote_lat: `[ -e bound ] || exit 9; ${remote}${printLatency(25)}`,
    local_thr: `${busy}until [ -e sent ]; do sleep 0.05; done; ${remote}${printThroughput(9)}`,
    remote_thr: '[ -e bound ] || exit 9; touch sent',
  })
  for (const what of ['latency', 'throughput'] as const) {
    const outcome = await measure(target('scif'), what, 64, 10, 20_000, session)
    assert.is(outcome.kind, 'figures', JSON.stringify(outcome))
    rmSync(join(session.places.scratch, 'bound'))
  }
})

test('a local end that never waits is told, and not measured', async () => {
  const session = fakes({ local_lat: 'while :; do :; done', remote_lat: printLatency(25) })
  const outcome = await measure(target('ipc'), 'latency', 64, 10, 60_000, session)
  assert.is(outcome.kind, 'failure')
  assert.match('message' in outcome ? outcome.message : '', /local_lat .*has not begun to wait/)
})

test('what hangs and what fails is an outcome, with what was run and what it said', async () => {
  const session = fakes({
    local_thr: 'echo bound; sleep 60',
    remote_thr: '',
    inproc_thr: 'echo "no memory" >&2; exit 3',
    inproc_lat: 'kill -SEGV $$',
  })
  const hang = await measure(target('scif'), 'throughput', 64, 10, 1_000, session)
  assert.is(hang.kind, 'hang')
  assert.match('message' in hang ? hang.message : '', /1 s; local_thr scif:\/\/\d+ 64 10: bound/)
  const failure = await measure(target('inproc'), 'throughput', 64, 10, 10_000, session)
  assert.equal(failure, {
    kind: 'failure',
    message: 'ended with exit code 3; inproc_thr 64 10: no memory',
  })
  const crash = await measure(target('inproc'), 'latency', 64, 10, 10_000, session)
  assert.match('message' in crash ? crash.message : '', /SIGSEGV/)
})

test('another port is tried when one is taken', async () => {
  const session = fakes({
    local_thr: `if [ ! -e taken ]; then touch taken; echo "error in zmq_bind: Address already in use"; exit 255; fi; ${remote}${printThroughput(7)}`,
    remote_thr: '[ -e taken ] || sleep 60',
  })
  const outcome = await measure(target('tcp'), 'throughput', 1, 100, 20_000, session)
  assert.is(outcome.kind, 'figures')
})

test('messages on their way are bounded by memory', () => {
  const gigabyte = 2 ** 30
  assert.is(mostMessages(2 ** 24, gigabyte), 64)
  assert.is(mostMessages(64, gigabyte), 2 ** 30)
  assert.is(countFor('throughput', 2 ** 24, 1000, 1, gigabyte), 64)
  assert.is(countFor('throughput', 64, 1e6, 0.5, gigabyte), 500_000)
  assert.is(countFor('latency', 64, 50, 1, gigabyte), 10_000)
  assert.is(countFor('latency', 2 ** 24, 1e6, 0.1, gigabyte), 5)
  assert.ok(firstCount('throughput', 2 ** 24, gigabyte) >= 10)
})

test('a measurement is so long that all of them fit', () => {
  const some = { targets: targets.slice(0, 2), sizes: [1, 2], rounds: 3, secondsAll: 60 }
  const each = secondsEach(some)
  assert.ok(2 * 2 * 2 * (3.25 * each + 6 * 0.2) <= 60 * 0.91, String(each))
  assert.ok(secondsEach({ ...some, secondsAll: 1 }) > 0)
})

test('transports take turns, and one that hangs does not stop the rest', async () => {
  const session = fakes({
    local_thr: `echo "$1" | cut -d: -f1 >> order; case $1 in tcp:*) sleep 60;; esac; ${remote}${printThroughput(100000)}`,
    remote_thr: '',
    local_lat: 'sleep 60',
    remote_lat: `${remote}${printLatency(50)}`,
  })
  const problems: Problem[] = []
  const texts: string[] = []
  const { results, roundsDone } = await runRounds(
    {
      targets: [target('scif'), target('ipc'), target('tcp')],
      sizes: [64],
      rounds: 2,
      secondsAll: 100,
      secondsEach: 0.01,
      memory: 2 ** 20,
    },
    session,
    { at: (text) => texts.push(text), problem: (problem) => problems.push(problem) },
    () => performance.now() / 1000,
  )
  assert.is(roundsDone, 2)
  assert.equal(
    results.map(({ transport, measure, samples }) => `${transport} ${measure} ${samples.length}`),
    ['scif throughput 2', 'ipc throughput 2', 'scif latency 2', 'ipc latency 2', 'tcp latency 2'],
  )
  assert.ok(problems.length > 0 && problems.every(({ kind }) => kind === 'hang'))
  assert.ok(problems.every(({ transport }) => transport === 'tcp'))
  assert.ok(texts.some((text) => /^round 2 of 2: latency of ipc, 64 B$/.test(text)))
  const order = readFileSync(join(session.places.scratch, 'order'), 'utf8').trim().split('\n')
  assert.equal(order.filter((name) => name !== 'tcp').slice(-4), ['ipc', 'scif', 'scif', 'ipc'])
})

test.run()
