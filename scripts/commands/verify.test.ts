// SPDX-License-Identifier: MPL-2.0
import { setMaxListeners } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inLab } from '../series/testing.ts'
import { ExitCode } from '../ui/errors.ts'
import { silentRenderer } from '../ui/plain.ts'
import { runSteps } from '../ui/run-steps.ts'
import { userError } from '../upstream/testing.ts'
import { labRelease } from '../verify/testing.ts'
import type { CommandInput } from './command.ts'
import { verify } from './verify.ts'
import { checkOptions, patternOf, releasesOf } from './verify-options.ts'

const root = new URL('../..', import.meta.url).pathname

function inputOf(
  extra: Record<string, unknown>,
  options: Partial<CommandInput['options']> = {},
): CommandInput {
  const { signal } = new AbortController()
  setMaxListeners(0, signal)
  return {
    context: {
      ...{ root, out: '/nowhere', env: process.env, signal },
      ...{ jobs: 1, offline: true, now: () => new Date('2026-01-01T00:00:00Z') },
    },
    options: {
      ...{ source: { kind: 'auto' }, scif: { kind: 'soft' }, buildSystem: 'autotools' },
      ...{ yes: false, dryRun: true, json: false, quiet: false, verbose: false },
      ...options,
    },
    extra,
    args: [],
  }
}

test('the plan has five builds of each release, and those that match', async () => {
  const plan = await verify.plan(inputOf({}, { release: '4.3.4' }))
  assert.equal(
    plan.steps.map((step) => step.id),
    ['system', 'verify-libscif', 'verify-4.3.4', 'verify-cells'],
  )
  assert.equal(plan.steps.at(-1)?.plan, [
    '4.3.4-autotools-scif',
    '4.3.4-cmake-scif',
    '4.3.4-autotools-noscif',
    '4.3.4-cmake-noscif',
    '4.3.4-autotools-everything',
  ])
  const some = await verify.plan(inputOf({ cells: 'cmake', releases: '4.3.4,4.3.5' }))
  assert.equal(some.steps.at(-1)?.plan, [
    ...['4.3.4-cmake-scif', '4.3.4-cmake-noscif'],
    ...['4.3.5-cmake-scif', '4.3.5-cmake-noscif'],
  ])
  const applied = await verify.plan(inputOf({ 'no-build': true }, { release: '4.3.4' }))
  assert.equal(
    applied.steps.map((step) => step.id),
    ['system', 'verify-4.3.4'],
  )
})

test('a release below 4.3.3 is not supported, because …, and not tried', async () => {
  for (const extra of [{ releases: '4.3.4,4.3.2' }, {}]) {
    const error = await userError(
      verify.plan(inputOf(extra, extra.releases ? {} : { release: '4.3.2' })),
    )
    assert.is(error.exitCode, ExitCode.usage)
    assert.match(error.message, /^libzmq 4\.3\.2 is not supported, because /)
  }
})

test('all releases with a pin, and master where there is a repository', () => {
  assert.equal(releasesOf(inputOf({})), ['4.3.5', '4.3.4', '4.3.3'])
  const git = { source: { kind: 'git', url: '/libzmq' } } as const
  assert.equal(releasesOf(inputOf({}, git)), ['master', '4.3.5', '4.3.4', '4.3.3'])
  assert.equal(releasesOf(inputOf({ releases: 'v4.3.4, master,4.3.4' })), ['4.3.4', 'master'])
  assert.equal(releasesOf(inputOf({}, { release: 'master' })), ['master'])
})

test('options that contradict each other are told', async () => {
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ new: true, releases: '4.3.4' }, /^--new looks itself/],
    [{ good: '4.3.4' }, /^--good is for --bisect/],
    [{ bisect: true, new: true }, /^--bisect and --new exclude/],
    [{ 'write-docs': true, 'no-build': true }, /^--write-docs needs what was built/],
  ]
  for (const [extra, message] of wrong) {
    const error = await userError(() => checkOptions(inputOf(extra)))
    assert.is(error.exitCode, ExitCode.usage)
    assert.match(error.message, message)
  }
  const both = inputOf({ releases: '4.3.4' }, { release: '4.3.5' })
  assert.match((await userError(() => releasesOf(both))).message, 'exclude each other')
  assert.match((await userError(() => releasesOf(inputOf({ releases: 'a,,b' })))).message, 'empty')
  assert.match((await userError(() => patternOf('('))).message, 'not a regular expression')
})

test('two runs on one folder go one after the other, and both find what is so', () =>
  inLab(async (lab) => {
    await labRelease(lab, '4.3.6')
    const source = { kind: 'git', url: lab.upstream } as const
    const { context, ...rest } = inputOf(
      { 'no-build': true },
      { source, release: 'main', quiet: true },
    )
    const own = { root: join(lab.dir, 'project'), out: join(lab.dir, 'out'), env: lab.env }
    const input = { ...rest, context: { ...context, ...own } }
    const seen: string[] = []
    const runOnce = async (name: string) => {
      const plan = await verify.plan(input)
      return plan.alone?.(async () => {
        seen.push(`${name} begins`)
        const result = await plan.report(await runSteps(plan.steps, silentRenderer, context.signal))
        seen.push(`${name} ends`)
        return result
      })
    }
    const results = await Promise.all([runOnce('one'), runOnce('two')])
    assert.equal(
      results.map((result) => result?.exitCode),
      [ExitCode.done, ExitCode.done],
    )
    const [first = ''] = seen
    assert.is(seen[1], first.replace('begins', 'ends'))
    assert.is(seen.length, 4)
    assert.equal(readdirSync(join(lab.dir, 'out', 'verify')), ['main'])
  }))

test.run()
