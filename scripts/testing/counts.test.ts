// SPDX-License-Identifier: MPL-2.0
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Checks } from './checks.ts'
import { type Counts, nothing, parseCtest, parseTap, parseUvu, sentence } from './counts.ts'
import { runStages, selectStages } from './run-stages.ts'
import type { Stage } from './stage.ts'
import { findSilentTests } from './toolkit-stages.ts'

const scratch = mkdtempSync(join(tmpdir(), 'zmq-scif-testing-'))
test.after(() => rmSync(scratch, { recursive: true, force: true }))

const numbers = ({ passed, failed, skipped }: Counts) => [passed, failed, skipped]
const uvu = (total: number, passed: number, skipped = 0) =>
  `a.test.ts\n• •   (2 / 2)\n\n  Total:     ${total}\n  Passed:    ${passed}\n  Skipped:   ${skipped}\n  Duration:  3.1ms\n\n`

test('uvu: totals, failures by name, colours', () => {
  assert.equal(numbers(parseUvu(uvu(3, 3, 1), 0)), [3, 0, 1])
  const failed = parseUvu(`   FAIL  "adds up"\n    Expected 2\n${uvu(3, 2)}`, 1)
  assert.equal(numbers(failed), [2, 1, 0])
  assert.equal(failed.failures, ['"adds up"'])
  const coloured = uvu(3, 3).replace('Total:     3', '\u001b[1mTotal:     3\u001b[22m')
  assert.equal(numbers(parseUvu(coloured, 0)), [3, 0, 0])
})

test('uvu: what looks well but is not', () => {
  assert.equal(numbers(parseUvu(uvu(0, 0), 0)), [0, 1, 0])
  assert.equal(numbers(parseUvu(uvu(3, 3), 1)), [3, 1, 0])
  assert.match(parseUvu('Exiting early before testing is finished.', 1).failures[0] ?? '', /before/)
  assert.is(parseUvu('', null).failed, 1)
})

const ctest = (second: string) => `Test project /x
    Start 1: one
1/2 Test #1: one ..............................   Passed    0.02 sec
    Start 2: two
2/2 Test #2: two ..............................${second}    0.12 sec

50% tests passed, 1 tests failed out of 2
`

test('ctest: one line per program', () => {
  assert.equal(numbers(parseCtest(ctest('   Passed'))), [2, 0, 0])
  assert.equal(numbers(parseCtest(ctest('***Skipped'))), [1, 0, 1])
  for (const verdict of ['***Failed', '***Timeout', '***Not Run', '***Exception: SegFault'])
    assert.equal(numbers(parseCtest(ctest(verdict))), [1, 1, 0], verdict)
  assert.match(parseCtest(ctest('***Timeout')).failures[0] ?? '', /two: Timeout/)
})

test('ctest: no test, or output that was cut short', () => {
  assert.is(parseCtest('No tests were found!!!\n').failed, 1)
  assert.is(parseCtest(ctest('   Passed').split('    Start 2')[0] ?? '').failed, 1)
})

test('TAP: ok, not ok, SKIP, TODO', () => {
  const tap =
    'TAP version 13\n1..4\nok 1 - a\nnot ok 2 - b\n# why\nok 3 - c # SKIP no device\nnot ok 4 - d # TODO known\n'
  const counts = parseTap(tap, 1)
  assert.equal(numbers(counts), [1, 1, 2])
  assert.equal(counts.failures, ['b'])
  assert.equal(numbers(parseTap('ok 1\nok 2\n1..2\n', 0)), [2, 0, 0])
})

test('TAP: no plan, fewer tests than planned, a bad end', () => {
  assert.is(parseTap('ok 1 - a\n', 0).failed, 1)
  assert.equal(numbers(parseTap('1..2\nok 1 - a\n', 0)), [1, 1, 0])
  assert.equal(numbers(parseTap('1..1\nok 1 - a\n', 134)), [1, 1, 0])
  assert.is(parseTap('', null).failed, 1)
})

test('a test file that uvu passes over in silence is found', () => {
  const dir = mkdtempSync(join(scratch, 'files-'))
  const put = (name: string, text: string) => writeFileSync(join(dir, name), text)
  put('good.test.ts', "import { test } from 'uvu'\ntest('a', () => {})\ntest.run()\n")
  put('not-run.test.ts', "import { test } from 'uvu'\ntest('a', () => {})\n")
  put('only.test.ts', "import { test } from 'uvu'\ntest.only('a', () => {})\ntest.run()\n")
  put('empty.test.ts', '')
  put('suite.test.ts', "import { suite } from 'uvu'\nconst s = suite('x')\n")
  assert.equal(findSilentTests(dir), [
    'empty.test.ts: has no test',
    'not-run.test.ts: test.run() is not called',
    'only.test.ts: has .only()',
    'suite.test.ts: s.run() is not called',
  ])
})

const stage = (id: string, run: Stage['run'], more: Partial<Stage> = {}): Stage => ({
  id,
  title: id,
  floor: 0,
  minutes: 1,
  run,
  ...more,
})

async function runAll(stages: Stage[], signal = new AbortController().signal) {
  let text = ''
  const { total, results } = await runStages(stages, {
    context: { root: '/', out: scratch, env: {}, jobs: 1, offline: true, signal },
    reports: join(scratch, 'reports'),
    write: (more) => {
      text += more
    },
  })
  return { total, results, text }
}

const passes = (passed: number) => async () => ({ ...nothing, passed })

test('stages add up; one that throws or misses its floor fails, and the next still runs', async () => {
  const { total, results, text } = await runAll([
    stage('a', passes(3), { floor: 3 }),
    stage('b', passes(2), { floor: 3 }),
    stage('c', async () => {
      throw new Error('broken')
    }),
    stage('d', passes(1)),
  ])
  assert.is(sentence(total), '6 passed, 2 failed, 0 skipped')
  assert.match(results[1]?.failures[0] ?? '', 'only 2 tests passed, at least 3')
  assert.match(text, /FAILED Error: broken/)
})

test('a stage that hangs is ended, with what it was doing', async () => {
  const hang = stage(
    'hang',
    async (context) => {
      context.progress('waiting for Godot')
      await sleep(60_000, undefined, { signal: context.signal })
      return nothing
    },
    { minutes: 0.01 },
  )
  const { results } = await runAll([hang])
  assert.match(results[0]?.failures[0] ?? '', /did not end within 0\.01 minutes.*Godot/)
})

test('two stages at a time run beside each other, if both may and neither needs the other', async () => {
  const log: string[] = []
  const one = (id: string, more: Partial<Stage>) =>
    stage(
      id,
      async ({ inTurn, env }) => {
        log.push(`+${id}`)
        assert.match(String(env.SOFTSCIF_REALM), id)
        await inTurn(() => sleep(20))
        log.push(`-${id}`)
        return { ...nothing, passed: 1 }
      },
      more,
    )
  const beside = { beside: true }
  const { total, results } = await runAll([
    one('a', beside),
    one('b', beside),
    one('c', { beside: true, after: ['b'] }),
    one('d', {}),
    one('e', beside),
  ])
  assert.is(log.join(' '), '+a +b -a -b +c -c +d -d +e -e')
  assert.equal([total.passed, results.map(({ id }) => id).join('')], [5, 'abcde'])
})

test('an interrupt ends the whole run', async () => {
  const controller = new AbortController()
  const ran: string[] = []
  const first = stage('a', async () => {
    controller.abort(new Error('interrupted'))
    throw new Error('x')
  })
  const second = stage('b', async () => {
    ran.push('b')
    return nothing
  })
  const error = await runAll([first, second], controller.signal).catch((error) => error)
  assert.is(error.message, 'interrupted')
  assert.equal(ran, [])
})

test('--only takes the stages that a chosen one needs along', () => {
  const stages = [
    stage('lint', passes(1)),
    stage('build', passes(1)),
    stage('strict', passes(1), { after: ['build'] }),
    stage('transport-strict', passes(1), { after: ['strict'] }),
  ]
  const ids = (only: RegExp | undefined) => selectStages(stages, only).map(({ id }) => id)
  assert.equal(ids(/^transport/), ['build', 'strict', 'transport-strict'])
  assert.equal(ids(/lint/), ['lint'])
  assert.equal(ids(undefined).length, 4)
  assert.equal(ids(/nothing/), [])
})

test('checks go on after a failure and are logged as TAP', async () => {
  const logFile = join(scratch, 'checks.log')
  const checks = new Checks({ logFile, progress() {}, signal: new AbortController().signal })
  await checks.that('one', () => {})
  await checks.that('two', () => {
    throw new Error('no\nmore')
  })
  await checks.that('three', async () => {})
  assert.equal(numbers(checks.counts()), [2, 1, 0])
  assert.equal(checks.counts().failures, ['two: no'])
  assert.ok(existsSync(logFile))
  assert.match(readFileSync(logFile, 'utf8'), /^ok - one\nnot ok - two\n# Error: no\n/)
})

test.run()
