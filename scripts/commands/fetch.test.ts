// SPDX-License-Identifier: MPL-2.0
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { StepReport } from '../ui/steps.ts'
import { inLab, type Lab, userError } from '../upstream/testing.ts'
import type { SourceSpec } from '../upstream/types.ts'
import type { Artifacts } from './artifacts.ts'
import type { CommandInput } from './command.ts'
import { fetch, fetchStep } from './fetch.ts'

function input(lab: Lab, source: SourceSpec, release?: string, offline = false): CommandInput {
  const { env, signal, now } = lab.cache
  return {
    context: { root: lab.dir, out: join(lab.dir, 'out'), env, jobs: 1, offline, signal, now },
    options: {
      ...(release === undefined ? {} : { release }),
      ...{ source, scif: { kind: 'auto' }, buildSystem: 'autotools' },
      ...{ yes: false, dryRun: false, json: false, quiet: false, verbose: false },
    },
    extra: {},
    args: [],
  }
}

const handle = (lab: Lab) => ({
  progress: () => {},
  line: lab.cache.line,
  signal: lab.cache.signal,
})

test('the step fills in the source; again it is skipped, and says why', () =>
  inLab(async (lab) => {
    const artifacts: Artifacts = {}
    const git = { kind: 'git', url: lab.upstream } as const
    const commit = await lab.git(['rev-parse', 'master'])
    const step = fetchStep(input(lab, git, commit), artifacts)
    assert.equal([step.id, step.title], ['fetch', `Fetch libzmq ${commit}`])
    const name = `${commit} by git`
    assert.equal(await step.run(handle(lab)), { status: 'done', detail: name })
    assert.is(artifacts.source?.commit, commit)
    const again = await step.run(handle(lab))
    assert.equal(again, { status: 'skipped', detail: `${name}, cached and unchanged` })
  }))

test('the command reports a table and a document with the same facts', () =>
  inLab(async (lab) => {
    const plan = await fetch.plan(input(lab, { kind: 'dir', path: lab.upstream }))
    const reports: StepReport[] = []
    for (const step of plan.steps) {
      const outcome = await step.run(handle(lab))
      reports.push({ id: step.id, title: step.title, milliseconds: 0, ...outcome })
    }
    const { exitCode, data, text, next } = await plan.report(reports)
    assert.is(exitCode, 0)
    const tree = await lab.git(['rev-parse', 'master^{tree}'])
    const release = `4.3.6-${tree.slice(0, 10)}`
    const dir = join(lab.dir, 'out', 'cache', 'trees', tree)
    const where = { route: 'dir', cached: true, dir, gitDir: null }
    const what = { schemaVersion: 1, release, version: '4.3.6', tree, commit: null }
    assert.equal(data, { ...what, ...where, passedOver: [] })
    const [heading, , row] = text.split('\n')
    assert.match(heading ?? '', /^release +version +tree +commit +route +cached +dir$/)
    for (const fact of [release, '4.3.6', tree.slice(0, 12), 'dir', dir])
      assert.match(row ?? '', fact)
    assert.equal(next, ['./build apply'])
  }))

test('the plan names every place in order, and touches nothing', () =>
  inLab(async (lab) => {
    const planned = async (source: SourceSpec, release?: string, offline = false) =>
      (await fetch.plan(input(lab, source, release, offline))).steps[0]?.plan ?? []
    const trees = join(lab.dir, 'out', 'cache', 'trees')
    const tree = '9f51abaa660baf55183ab3e5b947f58fc76fcddc'
    assert.equal(await planned({ kind: 'auto' }, '4.3.4'), [
      `take ${trees}/${tree} if it is there (4.3.4)`,
      'else download https://github.com/zeromq/libzmq/archive/refs/tags/v4.3.4.tar.gz',
      'else apt-get source --download-only zeromq3 (4.3.4) in a private apt root',
    ])
    assert.is((await planned({ kind: 'auto' })).length, 9)
    assert.is((await planned({ kind: 'auto' }, '4.3.4', true)).length, 1)
    assert.equal(await planned({ kind: 'auto' }, 'master'), [
      'git fetch https://github.com/zeromq/libzmq.git, take master of its mirror',
    ])
    assert.equal(await planned({ kind: 'dir', path: '/x' }, '4.3.4'), [
      `copy /x into ${join(lab.dir, 'out', 'cache')}, which must be tree ${tree}`,
    ])
    await userError(planned({ kind: 'auto' }, '4.3.2'))
    assert.not.ok(existsSync(join(lab.dir, 'out')))
  }))

test.run()
