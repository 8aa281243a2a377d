// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { addLine, failureOf, inLab, type Lab, standardSeries } from '../series/testing.ts'
import { ExitCode } from '../ui/errors.ts'
import { apply } from './apply.ts'
import type { Command, CommandInput, CommandResult } from './command.ts'
import { exportCommand } from './export.ts'
import { status } from './status.ts'

/** A lab whose upstream can be taken for libzmq. */
async function seriesOf(lab: Lab): Promise<void> {
  const version = ['MAJOR 4', 'MINOR 3', 'PATCH 5'].map((part) => `#define ZMQ_VERSION_${part}\n`)
  await lab.write('upstream/include/zmq.h', version.join(''))
  await standardSeries(lab)
}

function inputOf(lab: Lab, extra: Record<string, unknown>): CommandInput {
  const signal = new AbortController().signal
  const root = join(lab.dir, 'project')
  return {
    context: {
      ...{ root, out: lab.dir, env: lab.env, signal },
      ...{ jobs: 1, offline: true, now: () => new Date('2026-01-01T00:00:00Z') },
    },
    options: {
      release: '4.3.5',
      source: { kind: 'dir', path: lab.upstream },
      scif: { kind: 'auto' },
      buildSystem: 'autotools',
      ...{ yes: false, dryRun: false, json: false, quiet: false, verbose: false },
    },
    extra,
    args: [],
  }
}

/** What a command does with its steps; the fetch is a test's own source, without a pin. */
async function execute(
  command: Command,
  lab: Lab,
  extra: Record<string, unknown> = {},
): Promise<CommandResult & { details: string[] }> {
  const input = inputOf(lab, extra)
  // A release that has a pin is not to be had from a lab.
  const { release: _, ...options } = input.options
  const plan = await command.plan({ ...input, options })
  const details: string[] = []
  for (const step of plan.steps) {
    const signal = input.context.signal
    const outcome = await step.run({ progress: () => {}, line: () => {}, signal })
    details.push(`${step.id} ${outcome.status}: ${outcome.detail}`)
  }
  return { ...(await plan.report([])), details }
}

test('apply, status and export, as they are typed', () =>
  inLab(async (lab) => {
    await seriesOf(lab)
    const none = await execute(status, lab)
    assert.is(none.text, 'There is no work tree yet.')
    assert.equal(none.next, ['./build apply'])
    const first = await execute(apply, lab)
    assert.is(first.exitCode, ExitCode.done)
    assert.match(first.details[1] ?? '', /^apply done: applied: 2 entries on libzmq /)
    const { release } = first.data as { release: string }
    assert.match(first.text, 'Problem: nothing builds scif')
    assert.equal(first.next, [`./build compile --release ${release}`])
    const again = await execute(apply, lab)
    assert.is(again.details[1], 'apply skipped: unchanged: same libzmq and same series as before')
    const shown = await execute(status, lab)
    assert.match(shown.text, /applied +2 of 2\n/)
    assert.match(shown.text, /glue +src \+1 -0, build \+1 -0\n/)
    assert.match(shown.text, /built +no$/)
    assert.equal(shown.next, [`./build compile --release ${release}`])
    const same = await execute(exportCommand, lab, { check: true })
    assert.is(same.exitCode, ExitCode.done)
    assert.match(same.text, '0 differences')
    const tree = `work/libzmq-${release}`
    await lab.write(`${tree}/src/scif_forgotten.cpp`, 'new\n')
    const forgotten = await execute(exportCommand, lab, { check: true })
    assert.is(forgotten.exitCode, ExitCode.checkFailed)
    assert.match(forgotten.text, 'not exported: src/scif_forgotten.cpp, which git does not know')
    assert.match(
      (await execute(status, lab)).text,
      /edits +src\/scif_forgotten.cpp not known to git/,
    )
    const without = await execute(exportCommand, lab)
    assert.is(without.exitCode, ExitCode.done)
    assert.match(without.text, 'not exported: src/scif_forgotten.cpp')
    await lab.git(['clean', '-q', '-f', 'src/scif_forgotten.cpp'], tree)
    await lab.write(`${tree}/src/scif_address.cpp`, 'better\n')
    await lab.git(['commit', '-q', '-a', '--fixup=HEAD^'], tree)
    const differs = await execute(exportCommand, lab, { check: true })
    assert.is(differs.exitCode, ExitCode.checkFailed)
    assert.is(differs.text, 'would be changed: libzmq-ext/transport/src/scif_address.cpp')
    assert.equal(differs.next, [`./build export --release ${release}`])
    assert.equal((await execute(status, lab)).next, [`./build export --release ${release}`])
    const done = await execute(exportCommand, lab)
    assert.is(done.exitCode, ExitCode.done)
    assert.is(await lab.read('project/libzmq-ext/transport/src/scif_address.cpp'), 'better\n')
  }))

test('a stop, and the ways on', () =>
  inLab(async (lab) => {
    await seriesOf(lab)
    await lab.write(
      'project/patches/hook.patch',
      addLine('src/socket_base.cpp', 'another line', 10),
    )
    const plain = await failureOf(execute(apply, lab))
    assert.is(plain.exitCode, ExitCode.checkFailed)
    assert.match(plain.hint ?? '', './build apply --3way --release ')
    const stop = await failureOf(execute(apply, lab, { '3way': true }))
    assert.match(stop.message, 'is stopped at the entry "hook"')
    const shown = await execute(status, lab)
    assert.match(shown.text, /applied +0 of 2, stopped at "hook"/)
    assert.match(shown.next?.[0] ?? '', './build apply --continue --release ')
    const skipped = await execute(apply, lab, { skip: true })
    assert.match(skipped.details[0] ?? '', 'apply-skip done: 1 entry on libzmq')
    assert.equal((skipped.data as { skipped: string[] }).skipped, ['hook'])
    const both = await failureOf(execute(apply, lab, { continue: true, abort: true }))
    assert.is(both.exitCode, ExitCode.usage)
    const nothing = await failureOf(execute(apply, lab, { abort: true }))
    assert.match(nothing.message, 'so there is nothing to abort')
  }))

test('mistakes in the series are told before anything is fetched', () =>
  inLab(async (lab) => {
    await seriesOf(lab)
    await lab.write('project/patches/stray.patch', 'x\n')
    for (const command of [apply, status, exportCommand]) {
      const error = await failureOf(command.plan(inputOf(lab, {})))
      assert.is(error.exitCode, ExitCode.usage)
      assert.match(
        error.details ?? '',
        'patches/series.yaml:7:1: no entry uses patches/stray.patch',
      )
    }
  }))

test.run()
