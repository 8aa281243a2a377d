// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ExplainedList } from './explained.ts'
import { controlFailures, judgeProgram } from './judge.ts'
import { junit } from './junit.ts'
import { judge, totalsOf } from './report.ts'
import { planRuns, waitsForEver } from './run-suite.ts'
import type { Execution, Explanation, Lane, Outcome } from './types.ts'

/** "test_x:+" passed, ":-" failed, each with its rewritten calls: "test_x:+2". */
function execution(
  program: string,
  lane: Lane,
  outcome: Outcome,
  cases: readonly string[] = [],
): Execution {
  const parsed = cases.map((text) => /^(\w+):([+-])(\d*)$/.exec(text) ?? [])
  const byCase = new Map(parsed.map(([, name = '', , calls]) => [name, Number(calls)] as const))
  for (const [name, calls] of byCase) if (calls === 0) byCase.delete(name)
  return {
    ...{ program, lane, outcome, how: 'exit code 1', milliseconds: 1500, output: 'said <so>' },
    cases: parsed.map(([, name = '', sign]) => ({
      name,
      status: sign === '+' ? 'passed' : 'failed',
    })),
    rewrites: { byCase, total: [...byCase.values()].reduce((a, b) => a + b, 0), kept: 0 },
  }
}

const entry = (more: Partial<Explanation> & { program: string }): Explanation => ({
  ...{
    kind: 'peer',
    why: 'a mock on a TCP socket',
    passesOverIpc: false,
    unstable: false,
    mayFail: false,
  },
  ...more,
})

const listOf = (...explanations: Explanation[]): ExplainedList => ({
  ...{ floor: 1, kinds: { peer: 'a peer of its own' }, explanations },
})

const both = { transports: ['scif', 'ipc'], floor: null } as const

test('a program counts when a case that was rewritten has passed', () => {
  const run = (...cases: string[]) => execution('test_a', 'scif', 'passed', cases)
  const list = listOf(entry({ program: 'test_a', cases: ['mock'] }))
  const verdict = judgeProgram('test_a', run('one:+2', 'two:+', 'mock:+'), list)
  assert.equal(verdict, {
    ...{ program: 'test_a', status: 'passed', calls: 2, cases: ['one'], kept: ['mock'] },
  })
  assert.is(judgeProgram('test_a', run('one:+', 'two:+'), listOf()).status, 'not rewritten')
  assert.is(judgeProgram('test_a', run('mock:+'), list).status, 'explained')
  assert.is(judgeProgram('test_a', undefined, list).status, 'explained')
  const failed = execution('test_a', 'scif', 'failed', ['one:+1', 'two:-1'])
  assert.is(judgeProgram('test_a', failed, list).status, 'failed')
})

test('a program without cases counts as one', () => {
  const whole = execution('test_a', 'scif', 'passed')
  const rewrites = { byCase: new Map([['-', 3]]), total: 3, kept: 0 }
  assert.equal(judgeProgram('test_a', { ...whole, rewrites }, listOf()).cases, ['test_a'])
  assert.is(judgeProgram('test_a', whole, listOf()).status, 'not rewritten')
})

test('what fails unchanged or over scif is a failure, and what fails over ipc is none', () => {
  const failed = ['one:-1']
  const result = judge(
    [
      execution('test_a', 'unchanged', 'crashed'),
      execution('test_a', 'scif', 'hung', failed),
      execution('test_a', 'ipc', 'failed', failed),
    ],
    listOf(),
    both,
  )
  assert.not(result.passed)
  assert.equal(
    result.failures.map(({ lane, text }) => `${lane}: ${text}`),
    ['unchanged: exit code 1', 'scif: one: failed'],
  )
  assert.equal(
    result.suites.map(({ id, passed, failed, skipped }) => [id, passed, failed, skipped]),
    [
      ['unchanged', 0, 1, 0],
      ['series', 0, 0, 0],
      ['scif', 0, 1, 0],
      ['explained', 0, 0, 0],
      ['ipc', 0, 0, 1],
    ],
  )
  assert.equal(totalsOf(result), { passed: 0, failed: 2, skipped: 0 })
})

test('what passes over ipc has to pass over scif, or the list says how they differ', () => {
  const scif = execution('test_a', 'scif', 'passed', ['one:+1', 'mock:+', 'silent:+'])
  const ipc = execution('test_a', 'ipc', 'passed', ['one:+1', 'mock:+1', 'silent:+'])
  const texts = (...explanations: Explanation[]) =>
    controlFailures([scif, ipc], listOf(...explanations)).map(({ text }) => text)
  const mock = { program: 'test_a', cases: ['mock'] }
  assert.is(texts(entry(mock)).length, 1)
  assert.match(texts(entry(mock))[0] ?? '', /^mock passes over ipc and not over scif/)
  assert.equal(texts(entry({ ...mock, passesOverIpc: true })), [])
  const whole = [execution('test_b', 'ipc', 'passed', ['one:+1'])]
  assert.is(controlFailures(whole, listOf(entry({ program: 'test_b' }))).length, 1)
})

test('what is explained and passes all the same is a failure, unless by luck', () => {
  const runs = [execution('test_a', 'explained', 'failed', ['mock:+1', 'other:-1'])]
  const mock = { program: 'test_a', cases: ['mock', 'other', 'never_reached'] }
  const failures = (list: ExplainedList) => judge(runs, list, both).failures
  assert.match(failures(listOf(entry(mock)))[0]?.text ?? '', /^mock passes over scif/)
  assert.is(failures(listOf(entry(mock))).length, 1)
  assert.equal(failures(listOf(entry({ ...mock, unstable: true }))), [])
})

test('what may fail on its own transport is excused there, and nothing beside it', () => {
  const list = listOf(entry({ program: 'test_a', cases: ['race'], mayFail: true }))
  const failures = (lane: Lane, outcome: Outcome, ...cases: string[]) =>
    judge([execution('test_a', lane, outcome, cases)], list, both).failures.length
  assert.is(failures('unchanged', 'failed', 'race:-', 'one:+'), 0)
  assert.is(failures('scif', 'failed', 'race:-', 'one:+1'), 0)
  assert.is(failures('unchanged', 'failed', 'race:-', 'one:-'), 1)
  assert.is(failures('unchanged', 'failed', 'one:+'), 1)
  assert.is(failures('unchanged', 'crashed', 'race:-'), 1)
  const whole = listOf(entry({ program: 'test_a', mayFail: true, unstable: true }))
  const hung = judge([execution('test_a', 'unchanged', 'hung')], whole, both)
  assert.equal(hung.failures, [])
  assert.equal(hung.suites[0]?.skipped, 1)
})

test('fewer programs than the floor are a failure, and so is a skipped test of ours', () => {
  const runs = [
    execution('test_a', 'unchanged', 'passed'),
    execution('test_a', 'scif', 'passed', ['one:+1']),
    execution('test_pair_scif', 'unchanged', 'skipped'),
  ]
  const { failures, scif } = judge(runs, listOf(), { transports: ['scif'], floor: 2 })
  assert.is(scif?.programs, 1)
  assert.equal(
    failures.map(({ program }) => program),
    ['test_pair_scif', 'all'],
  )
  const quiet = judge(runs.slice(0, 2), listOf(), { transports: ['scif'], floor: 1 })
  assert.ok(quiet.passed)
})

test('which program is run how', () => {
  const program = (name: string, weight: number) => ({ name, path: name, claims: [], weight })
  const programs = ['test_a', 'test_b', 'test_c', 'test_pair_scif', 'unittest_d'].map(program)
  const list = listOf(
    entry({ program: 'test_a', cases: ['mock'] }),
    entry({ program: 'test_b', unstable: true }),
  )
  const runs = planRuns(programs, { transports: ['scif', 'ipc'], list })
  const lanes = (name: string) =>
    runs.filter((run) => run.program.name === name).map(({ lane, keep }) => [lane, ...keep].join())
  assert.equal(lanes('test_a'), ['unchanged', 'scif,mock', 'explained', 'ipc'])
  assert.equal(lanes('test_b'), ['unchanged', 'ipc'])
  assert.equal(lanes('test_c'), ['unchanged', 'scif', 'ipc'])
  assert.equal(lanes('test_pair_scif'), ['unchanged'])
  assert.equal(lanes('unittest_d'), ['unchanged'])
  assert.is(runs[0]?.program.name, 'test_b', 'what may hang is begun first')
})

test('JUnit', () => {
  const runs = [
    execution('test_a', 'unchanged', 'passed'),
    execution('test_b', 'unchanged', 'skipped'),
    execution('test_c', 'unchanged', 'failed', ['one:-']),
  ]
  const text = junit(judge(runs, listOf(), { transports: [], floor: null }))
  assert.match(text, '<testsuite name="unchanged" tests="3" failures="1" skipped="1" time="4.5">')
  assert.match(text, '<testcase classname="check.unchanged" name="test_a" time="1.500"/>')
  assert.match(text, '<skipped message="said &lt;so&gt;"/>')
  assert.match(text, '<failure message="one: failed">said &lt;so&gt;</failure>')
})

test('the only hang that has another chance is the wait of libzmq’s own tests', () => {
  const output = 'Still waiting for monitor event after 38500 ms\nStill waiting for'
  assert.ok(waitsForEver({ outcome: 'hung', output }))
  assert.not.ok(waitsForEver({ outcome: 'failed', output }))
  assert.not.ok(waitsForEver({ outcome: 'hung', output: 'something else' }))
})

test.run()
