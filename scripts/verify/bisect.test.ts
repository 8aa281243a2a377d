// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { failureOf, inLab, type Lab, numbered } from '../series/testing.ts'
import { type Bisection, type BisectOptions, bisect, type Prover } from './bisect.ts'
import { type Change, grow, labRelease, labSeries, tipOf } from './testing.ts'

async function bisectLab(lab: Lab, good: string, more: Partial<BisectOptions> = {}) {
  return bisect({
    source: await tipOf(lab, '4.3.6', 'master'),
    good: [good],
    series: await labSeries(lab),
    workDir: join(lab.dir, 'bisect', 'history'),
    env: lab.env,
    signal: new AbortController().signal,
    line: () => {},
    progress: () => {},
    ...more,
  })
}

/** The lab's libzmq, then 200 commits of which one, the 137th, changes what the series touches. */
async function future(lab: Lab, change: Change, more?: Partial<BisectOptions>): Promise<Bisection> {
  const { commit = '' } = await labRelease(lab)
  await grow(lab, 200, { 137: change })
  return bisectLab(lab, commit, more)
}

const socket = 'src/socket_base.cpp'

function isCulprit(found: Bisection): void {
  assert.is(found.stops, 'applying')
  assert.is(found.commits, 200)
  assert.is(found.builds, 0)
  assert.ok(found.applied <= 11, `applied ${found.applied} times`)
  assert.is(found.culprit?.subject, 'change 137')
  assert.is(found.culprit?.author, 'Grace Example')
  assert.match(found.culprit?.date ?? '', /^\d{4}-\d\d-\d\d$/)
  assert.is(found.conflict?.slug, 'hook')
  assert.is(found.conflict?.patch, 'patches/hook.patch')
}

test('the place was reformatted: the hunk, the lines and the commit are named', () =>
  inLab(async (lab) => {
    const text = numbered('socket line', 40).replaceAll('socket line 1', '  socket  line 1')
    const found = await future(lab, { [socket]: text })
    isCulprit(found)
    const [file] = found.conflict?.files ?? []
    assert.is(file?.path, socket)
    assert.is(file?.hunks[0]?.number, 1)
    assert.match(found.details ?? '', 'patches/hook.patch:4: hunk 1 of src/socket_base.cpp')
    assert.match(found.details ?? '', '    socket line 10\n')
    assert.match(found.details ?? '', '      socket  line 10\n')
  }))

test('the file was renamed: its new name is told', () =>
  inLab(async (lab) => {
    const to = { [socket]: null, 'src/sockets.cpp': numbered('socket line', 40) }
    const found = await future(lab, to)
    isCulprit(found)
    assert.match(found.details ?? '', 'it is src/sockets.cpp now')
  }))

test('the lines were moved elsewhere', () =>
  inLab(async (lab) => {
    const [first = '', ...rest] = numbered('socket line', 40).split(/(?<=line 7\n)/)
    const moved = `${rest.join('').split('\n').reverse().join('\n')}\n${first}`
    isCulprit(await future(lab, { [socket]: moved }))
  }))

/** Says of each commit what a list says, as a build would. */
function proverOf(verdict: (number: number) => 'passed' | 'build' | 'tests', lab: Lab): Prover {
  return async (_repo, _head, { upstream }) => {
    const subject = await lab.git(['log', '-1', '--format=%s', upstream], 'upstream')
    const kind = verdict(Number(/\d+/.exec(subject)?.[0] ?? 0))
    return kind === 'passed' ? { kind } : { kind, detail: `${kind} fails`, failures: ['test_x'] }
  }
}

test('it applies everywhere, but no longer builds: 9 builds at most among 200', () =>
  inLab(async (lab) => {
    const prove = proverOf((number) => (number >= 42 ? 'build' : 'passed'), lab)
    const found = await future(lab, {}, { prove })
    assert.is(found.stops, 'building')
    assert.is(found.culprit?.subject, 'change 42')
    assert.is(found.details, 'build fails')
    assert.ok(found.builds <= 9, `${found.builds} builds`)
  }))

test('it builds, but the tests fail; commits that do not build say nothing', () =>
  inLab(async (lab) => {
    const verdict = (n: number) => (n >= 90 ? 'tests' : n >= 80 ? 'build' : 'passed')
    const found = await future(lab, {}, { prove: proverOf(verdict, lab) })
    assert.is(found.stops, 'passing')
    assert.is(found.culprit?.subject, 'change 90')
    assert.is(found.unknown, 10)
  }))

test('what was never well is nobody’s fault; where all but the start is bad, the first is to blame', () =>
  inLab(async (lab) => {
    for (const kind of ['build', 'tests'] as const) {
      const error = await failureOf(future(lab, {}, { prove: proverOf(() => kind, lab) }))
      const does = kind === 'build' ? 'build' : 'pass'
      assert.match(error.message, new RegExp(`^The series does not ${does} on .* either`))
      assert.is(error.details, `${kind} fails`)
      assert.is(error.exitCode, 1)
    }
    const prove = proverOf((number) => (number >= 1 ? 'build' : 'passed'), lab)
    const found = await future(lab, {}, { prove })
    assert.equal([found.stops, found.culprit?.subject], ['building', 'change 1'])
  }))

test('all is well at the end', () =>
  inLab(async (lab) => {
    const found = await future(lab, {}, { prove: proverOf(() => 'passed', lab) })
    assert.equal([found.stops, found.applied, found.builds], ['nothing', 1, 1])
  }))

test('the culprit came by a merge: it is found in what was merged', () =>
  inLab(async (lab) => {
    const { commit = '' } = await labRelease(lab)
    await grow(lab, 4, {})
    await lab.git(['checkout', '-q', '-b', 'topic', commit], 'upstream')
    for (const [message, path, text] of [
      ['harmless', 'doc.txt', 'x\n'],
      ['the culprit', socket, 'nothing is left\n'],
      ['harmless too', 'doc.txt', 'y\n'],
    ] as const) {
      await lab.write(`upstream/${path}`, text)
      await lab.git(['add', '--all'], 'upstream')
      await lab.git(['commit', '-q', '-m', message], 'upstream')
    }
    await lab.git(['checkout', '-q', 'main'], 'upstream')
    await lab.git(['merge', '-q', '--no-ff', '-m', 'merge topic', 'topic'], 'upstream')
    const found = await bisectLab(lab, commit)
    assert.is(found.culprit?.subject, 'the culprit')
  }))

test('a place where it never fitted, or that is not before the end, is refused', () =>
  inLab(async (lab) => {
    const { commit = '' } = await labRelease(lab)
    await lab.write(`upstream/${socket}`, 'nothing is left\n')
    const broken = await lab.release('broken', '4.3.5', '4.3.5')
    await grow(lab, 3, {})
    const never = await failureOf(bisectLab(lab, broken.commit ?? ''))
    assert.match(never.message, /^The series does not apply to .* either/)
    const elsewhere = await failureOf(bisectLab(lab, '1'.repeat(40)))
    assert.match(elsewhere.message, 'is a commit before')
    assert.is((await bisectLab(lab, commit)).culprit?.subject, 'broken')
  }))

test('without its history there is nothing to bisect', () =>
  inLab(async (lab) => {
    const { gitDir: _, ...source } = await labRelease(lab)
    const error = await failureOf(bisectLab(lab, source.commit ?? '', { source }))
    assert.match(error.message, 'without its history')
    assert.is(error.exitCode, 2)
    await grow(lab, 2, {})
    await lab.git(['clone', '-q', '--bare', '--depth=2', `file://${lab.upstream}`, 'x'], 'upstream')
    const gitDir = join(lab.upstream, 'x')
    const tip = await tipOf(lab, '4.3.6', 'master')
    const shallow = await failureOf(
      bisectLab(lab, source.commit ?? '', { source: { ...tip, gitDir } }),
    )
    assert.match(shallow.message, 'from a shallow clone')
    assert.is(shallow.exitCode, 2)
  }))

test.run()
