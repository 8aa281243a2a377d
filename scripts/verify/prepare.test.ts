// SPDX-License-Identifier: MPL-2.0
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadSeries } from '../series/manifest.ts'
import { inLab, type Lab, numbered } from '../series/testing.ts'
import { ExitCode } from '../ui/errors.ts'
import { type Compatibility, verifiedReleases } from './compatibility.ts'
import { annotations } from './formats.ts'
import { type Prepared, prepareRelease } from './prepare.ts'
import type { VerifyReport } from './report.ts'
import { commitOf, newerTags } from './tags.ts'
import { grow, labRelease, labSeries } from './testing.ts'

async function prepareLab(lab: Lab, release: string, threeWay = false): Promise<Prepared> {
  const signal = new AbortController().signal
  const now = () => new Date('2026-01-01T00:00:00Z')
  return prepareRelease(
    {
      ...{ release, source: { kind: 'git', url: lab.upstream }, series: await labSeries(lab) },
      ...{ dir: join(lab.dir, 'verify'), cacheDir: join(lab.dir, 'cache') },
      ...{ reports: join(lab.dir, 'reports'), threeWay },
      context: {
        ...{ root: lab.dir, out: lab.dir, env: lab.env, jobs: 1, offline: true, signal, now },
      },
    },
    { progress: () => {}, line: () => {}, signal },
  )
}

const socket = 'src/socket_base.cpp'

test('what applies: the pin, the commits, the glue; the user’s own tree is left alone', () =>
  inLab(async (lab) => {
    await labRelease(lab, '4.3.6')
    const { result, work } = await prepareLab(lab, 'main')
    assert.equal([result.status, result.version, result.route], ['passed', '4.3.6', 'git'])
    assert.equal(
      result.checks.map(({ name, passed }) => [name, passed]),
      [
        ['pin', true],
        ['apply', true],
        ['glue', true],
      ],
    )
    assert.is(result.checks[2]?.detail, 'src +1 -0, build +1 -0')
    assert.is(work?.workDir, join(lab.dir, 'verify', 'main', 'src'))
    assert.not.ok(existsSync(lab.workDir))
    const again = await prepareLab(lab, 'main')
    assert.is(again.work?.action, 'unchanged')
    assert.is(again.result.applied, result.applied)
  }))

test('what does not: the entry, the hunk, upstream’s commit, and the line for an annotation', () =>
  inLab(async (lab) => {
    await labRelease(lab, '4.3.6')
    const text = numbered('socket line', 40).replace('socket line 9\n', 'another line\n')
    await grow(lab, 3, { 2: { [socket]: text } })
    const { result, work } = await prepareLab(lab, 'main')
    assert.is(result.status, 'failed')
    assert.is(work, undefined)
    assert.is(result.conflict?.slug, 'hook')
    assert.is(result.conflict?.files[0]?.culprit?.subject, 'change 2')
    assert.match(result.checks.at(-1)?.more ?? '', 'upstream changed it in ')
    assert.equal(result.checks.at(-1)?.place, { file: 'patches/hook.patch', line: 4 })
    const report = { releases: [result], cells: [], variants: [] } as unknown as VerifyReport
    assert.match(annotations(report)[0] ?? '', '::error file=patches/hook.patch,line=4,')
    assert.is(result.repair, undefined)
  }))

test('--3way: merged, said so, exported beside the report; it stays a failure', () =>
  inLab(async (lab) => {
    await labRelease(lab, '4.3.6')
    const before = await lab.project()
    const text = numbered('socket line', 40).replace('socket line 8\n', 'another line\n')
    await grow(lab, 3, { 2: { [socket]: text } })
    const { result, work } = await prepareLab(lab, 'main', true)
    assert.is(result.status, 'failed')
    assert.is(result.repair?.merged, true)
    assert.equal(
      result.repair?.files.map(({ slug, path, how }) => [slug, path, how]),
      [['hook', socket, 'merged']],
    )
    assert.ok(work, 'there is nothing to build')
    const dir = result.repair?.dir ?? ''
    assert.ok(dir.startsWith(join(lab.dir, 'reports')))
    const repaired = await loadSeries(join(dir, 'patches'), join(dir, 'libzmq-ext', 'transport'))
    assert.is(repaired.entries.length, 2)
    assert.match(result.repair?.reason ?? '', /^rewrote patches\//)
    assert.equal(await lab.project(), before)
  }))

test('--3way where a human is needed says so, and leaves nothing that looks repaired', () =>
  inLab(async (lab) => {
    await labRelease(lab, '4.3.6')
    const text = numbered('socket line', 40).replace('socket line 10\n', 'other\nlines\n')
    await grow(lab, 2, { 1: { [socket]: text.replace('socket line 11\n', '') } })
    const { result, work } = await prepareLab(lab, 'main', true)
    assert.is(result.repair?.merged, false)
    assert.match(result.repair?.reason ?? '', 'is stopped at the entry "hook"')
    assert.is(work, undefined)
    assert.equal(readdirSync(join(lab.dir, 'reports')), [])
  }))

test('too old is not supported and not tried; not there is not to be had', () =>
  inLab(async (lab) => {
    await labRelease(lab, '4.3.2')
    const old = await prepareLab(lab, 'main')
    assert.is(old.result.status, 'unsupported')
    assert.match(old.result.reason ?? '', 'libzmq 4.3.2 is not supported, because ')
    assert.is(old.error?.exitCode, ExitCode.usage)
    assert.not.ok(existsSync(join(lab.dir, 'verify')))
    const none = await prepareLab(lab, 'nowhere')
    assert.is(none.result.status, 'unavailable')
    assert.is(none.error?.exitCode, ExitCode.source)
  }))

test('a patch that upstream has already is to be dropped', () =>
  inLab(async (lab) => {
    await labRelease(lab, '4.3.6')
    const text = numbered('socket line', 40).replace('line 10\n', 'line 10\nscif here\n')
    await grow(lab, 2, { 1: { [socket]: text } })
    const { result } = await prepareLab(lab, 'main')
    assert.is(result.conflict?.upstream, 'all')
    assert.match(result.checks.at(-1)?.more ?? '', 'drop the patch')
  }))

test('a file that upstream has by now is a conflict, too, in the report', () =>
  inLab(async (lab) => {
    await labRelease(lab, '4.3.6')
    await grow(lab, 2, { 1: { 'src/scif_address.cpp': 'of upstream\n' } })
    const { result } = await prepareLab(lab, 'main')
    assert.is(result.status, 'failed')
    assert.equal(result.conflict?.existing, ['src/scif_address.cpp'])
    assert.is(result.conflict?.slug, 'hook')
  }))

test('only a release of which all was well counts as verified', () => {
  const release = (name: string, status: string, version = name) => ({
    ...{ release: name, version, status },
  })
  const found = {
    releases: [
      release('4.3.6', 'passed'),
      release('4.3.7', 'failed'),
      release('4.3.8', 'passed'),
      release('master', 'passed', '4.3.9'),
    ],
    cells: [
      { release: '4.3.6', status: 'passed' },
      { release: '4.3.8', status: 'failed' },
    ],
  } as unknown as Compatibility
  assert.equal(verifiedReleases(found), ['4.3.6'])
})

test('tags newer than all that are known, in their order; other names are no releases', () =>
  inLab(async (lab) => {
    await labRelease(lab)
    for (const tag of ['v4.3.5', 'v4.4.0', 'v4.3.10', 'v4.4.0-rc1', 'old'])
      await lab.git(['tag', tag], 'upstream')
    const context = { env: lab.env, signal: new AbortController().signal }
    const gitDir = join(lab.upstream, '.git')
    assert.equal(await newerTags(gitDir, ['4.3.4', '4.3.5'], context), ['4.3.10', '4.4.0'])
    assert.equal(await newerTags(gitDir, ['4.4.0'], context), [])
    const head = (await lab.git(['rev-parse', 'HEAD'], 'upstream')).trim()
    for (const name of ['4.4.0', 'old', 'main', head])
      assert.is(await commitOf(gitDir, name, context), head)
    assert.is(await commitOf(gitDir, '4.9.9', context), undefined)
  }))

test.run()
