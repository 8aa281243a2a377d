// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { closest, editDistance } from './closest.ts'
import { ExitCode, UserError } from './errors.ts'
import { plainRenderer, silentRenderer } from './plain.ts'
import { describeError, paintFor } from './print-error.ts'
import { duration, runSteps } from './run-steps.ts'
import type { Step } from './steps.ts'
import { facts, table } from './table.ts'

const never = new AbortController().signal

function step(id: string, run: Step['run'] = async () => ({ status: 'done' })): Step {
  return { id, title: `Do ${id}`, plan: [], run }
}

function recording(verbose = false) {
  let now = 0
  let text = ''
  const renderer = plainRenderer({
    write: (more) => {
      text += more
    },
    verbose,
    clock: () => now,
  })
  return {
    renderer,
    text: () => text.replace(/\d+\.\d s/g, 'T'),
    advance: (ms: number) => {
      now += ms
    },
  }
}

test('steps run in order and report what came of them', async () => {
  const order: string[] = []
  const reports = await runSteps(
    ['a', 'b'].map((id) =>
      step(id, async () => {
        order.push(id)
        return { status: id === 'a' ? 'done' : 'skipped', detail: `${id}!` }
      }),
    ),
    silentRenderer,
    never,
  )
  assert.equal(order, ['a', 'b'])
  assert.equal(
    reports.map(({ id, status, detail }) => [id, status, detail]),
    [
      ['a', 'done', 'a!'],
      ['b', 'skipped', 'b!'],
    ],
  )
  assert.ok(reports.every((report) => report.milliseconds >= 0))
})

test('plain lines: number, title, lines that stay, outcome', async () => {
  const out = recording()
  const steps = [
    step('a', async (handle) => {
      handle.progress('not shown')
      handle.line('stays')
      return { status: 'done', detail: 'by hand' }
    }),
    step('b', async () => ({ status: 'skipped', detail: 'unchanged' })),
  ]
  await runSteps(steps, out.renderer, never)
  assert.is(
    out.text(),
    '[1/2] Do a\n      stays\n      done: by hand (T)\n[2/2] Do b\n      skipped: unchanged\n',
  )
})

test('a long plain step gives a sign of life, and --verbose says everything', async () => {
  const life = recording()
  await runSteps(
    [
      step('a', async (handle) => {
        handle.progress('1 of 3')
        life.advance(25_000)
        handle.progress('2 of 3')
        handle.progress('3 of 3')
        return { status: 'done' }
      }),
    ],
    life.renderer,
    never,
  )
  assert.is(life.text(), '[1/1] Do a\n      2 of 3\n      done (T)\n')
  const all = recording(true)
  const talk = step('a', async (handle) => {
    handle.progress('x')
    return { status: 'done' }
  })
  await runSteps([talk], all.renderer, never)
  assert.match(all.text(), 'x\n')
})

test('the first failure ends the run with its own error', async () => {
  const out = recording()
  const ran: string[] = []
  const failure = new UserError({ message: 'No.', hint: 'x', exitCode: ExitCode.source })
  const steps = [
    step('a', async () => {
      throw failure
    }),
    step('b', async () => {
      ran.push('b')
      return { status: 'done' }
    }),
  ]
  try {
    await runSteps(steps, out.renderer, never)
    assert.unreachable()
  } catch (error) {
    assert.is(error, failure)
  }
  assert.equal(ran, [])
  assert.match(out.text(), /failed after T/)
})

test('an interrupt wins over the error that it causes, and no further step starts', async () => {
  const controller = new AbortController()
  const reason = new Error('interrupted by SIGINT')
  const ran: string[] = []
  const steps = [
    step('a', async () => {
      controller.abort(reason)
      throw new Error('the killed tool complains')
    }),
    step('b', async () => {
      ran.push('b')
      return { status: 'done' }
    }),
  ]
  try {
    await runSteps(steps, silentRenderer, controller.signal)
    assert.unreachable()
  } catch (error) {
    assert.is(error, reason)
  }
  assert.equal(ran, [])
})

test('durations', () => {
  assert.equal([80, 9_949, 42_000, 185_000].map(duration), ['0.1 s', '9.9 s', '42 s', '3 min 05 s'])
})

test('a user error is a sentence, its details and a hint; anything else shows its stack', () => {
  const paint = paintFor(false, undefined)
  const { text, exitCode } = describeError(
    new UserError({ message: 'It broke.', details: 'a\nb', hint: 'Type x.', exitCode: 4 }),
    paint,
  )
  assert.is(text, 'error: It broke.\n  a\n  b\n  Type x.\n')
  assert.is(exitCode, 4)
  const bug = describeError(new TypeError('oops'), paint)
  assert.match(bug.text, /^bug: /)
  assert.match(bug.text, /TypeError: oops\n +at /)
  assert.is(bug.exitCode, 1)
})

test('colours only on a terminal without NO_COLOR', () => {
  assert.is(paintFor(true, undefined).red('x'), '\u001b[31mx\u001b[39m')
  assert.is(paintFor(true, '1').red('x'), 'x')
  assert.is(paintFor(false, undefined).red('x'), 'x')
})

test('tables and facts line up', () => {
  assert.is(
    table(
      ['a', 'long'],
      [
        ['xyz', '1'],
        ['q', ''],
      ],
    ),
    'a    long\n---  ----\nxyz  1\nq',
  )
  assert.is(
    facts([
      ['a', '1'],
      ['bcd', '2'],
    ]),
    'a    1\nbcd  2',
  )
})

test('the nearest word', () => {
  assert.is(closest('complie', ['compile', 'clean']), 'compile')
  assert.is(closest('ver', ['verify', 'perf']), 'verify')
  assert.is(closest('quux', ['compile', 'clean']), undefined)
  assert.is(editDistance('ab', 'ba'), 1)
  assert.is(editDistance('', 'abc'), 3)
})

test.run()
