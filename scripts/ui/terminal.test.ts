// SPDX-License-Identifier: MPL-2.0
import { Writable } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runSteps } from './run-steps.ts'
import type { Step } from './steps.ts'
import { terminalRenderer } from './terminal.ts'

/** Standard error as a terminal of 100 columns that remembers; standard output must stay clean. */
function terminal() {
  const stream = () => {
    let text = ''
    const writable = new Writable({
      write(chunk, _encoding, done) {
        text += chunk
        done()
      },
    })
    return {
      writable: Object.assign(writable, { isTTY: true, columns: 100, rows: 40 }),
      text: () => text,
    }
  }
  const stdout = stream()
  const stderr = stream()
  return {
    renderer: terminalRenderer({
      stdout: stdout.writable as unknown as NodeJS.WriteStream,
      stderr: stderr.writable as unknown as NodeJS.WriteStream,
    }),
    stdout: stdout.text,
    /** What stands there in the end, without escape sequences. */
    shown: () =>
      stderr
        .text()
        // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
        .replace(/\u001b\[[\d;?]*[A-Za-z]/g, ''),
  }
}

const step = (id: string, run: Step['run']): Step => ({ id, title: `Do ${id}`, plan: [], run })
const quick = (status: 'done' | 'skipped') => async () => ({ status, detail: `${status} so` })

test('shows what came of each step, and lines that stay; standard output is left alone', async () => {
  const screen = terminal()
  const steps = [
    step('a', async (handle) => {
      handle.line('passed over')
      handle.progress('half')
      return { status: 'done', detail: 'by hand' }
    }),
    step('b', quick('skipped')),
    step('c', quick('done')),
  ]
  const reports = await runSteps(steps, screen.renderer, new AbortController().signal)
  assert.is(reports.length, 3)
  assert.match(screen.shown(), /Do a: by hand \(0\.\d s\)\n.*passed over/)
  assert.match(screen.shown(), /Do b: skipped so/)
  assert.match(screen.shown(), /Do c: done so \(0\.\d s\)/)
  assert.is(screen.stdout(), '')
})

test('a failure ends the list with its own error; the steps behind it do not run', async () => {
  const screen = terminal()
  const ran: string[] = []
  const steps = [
    step('a', async () => {
      throw new Error('broken')
    }),
    step('b', async () => {
      ran.push('b')
      return { status: 'done' }
    }),
  ]
  const error = await runSteps(steps, screen.renderer, new AbortController().signal).catch((e) => e)
  assert.is(error.message, 'broken')
  assert.match(screen.shown(), /Do a: failed after 0\.\d s/)
  assert.equal(ran, [])
})

test('an interrupt between two steps ends the list', async () => {
  const screen = terminal()
  const controller = new AbortController()
  const first = step('a', async () => {
    queueMicrotask(() => controller.abort(new Error('interrupted')))
    return { status: 'done' }
  })
  const steps = [first, step('b', quick('done'))]
  const error = await runSteps(steps, screen.renderer, controller.signal).catch((e) => e)
  assert.is(error.message, 'interrupted')
})

test.run()
