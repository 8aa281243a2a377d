// SPDX-License-Identifier: MPL-2.0
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { FetchedSource } from '../upstream/types.ts'
import type { Conflict } from './misfit.ts'
import type { Journal } from './state.ts'
import {
  addLine,
  failureOf,
  inLab,
  type Lab,
  numbered,
  standardManifest,
  standardSeries,
} from './testing.ts'

const tree = 'work/libzmq-4.3.5'
const socket = 'upstream/src/socket_base.cpp'
const lines = numbered('socket line', 40)

/** A commit of upstream that changes one file; its source has the history. */
async function upstream(
  lab: Lab,
  path: string,
  text: string,
  subject: string,
  version = '4.4.0',
): Promise<FetchedSource> {
  await lab.write(`upstream/${path}`, text)
  const source = await lab.release(subject, '4.3.5', version)
  return { ...source, gitDir: join(lab.upstream, '.git') }
}

/** The series applied to 4.3.5, and upstream gone on so that the hook needs a merge, which works. */
async function mergeable(lab: Lab): Promise<{ old: FetchedSource; source: FetchedSource }> {
  const first = await standardSeries(lab)
  const old = { ...first, gitDir: join(lab.upstream, '.git') }
  const source = await upstream(
    lab,
    'src/socket_base.cpp',
    lines.replace('line 8\n', 'line EIGHT\n'),
    'Reword line 8',
  )
  return { old, source }
}

/** The same, but upstream changed the very place. */
async function conflicting(lab: Lab): Promise<{ old: FetchedSource; source: FetchedSource }> {
  const { old } = await mergeable(lab)
  const text = lines.replace('line 10\nsocket line 11\n', 'line TEN\nsocket line ELEVEN\n')
  return { old, source: await upstream(lab, 'src/socket_base.cpp', text, 'Reword ten and eleven') }
}

test('names the commit of upstream that made the patch unfit, among many', () =>
  inLab(async (lab) => {
    await standardSeries(lab)
    // An earlier entry edits the same file: its edits are a part of what has to fit.
    const twice = addLine('src/socket_base.cpp', 'socket line', 10, 'scif more')
      .replace(/@@ .*/, '@@ -9,6 +9,7 @@')
      .replace(
        ' socket line 8\n socket line 9\n socket line 10\n',
        ' socket line 9\n socket line 10\n scif here\n',
      )
    const build = await lab.read('project/patches/build.patch')
    await lab.write('project/patches/build.patch', build + twice)
    let text = lines
    let culprit: FetchedSource | undefined
    for (let n = 0; n < 24; n++) {
      text = text.replace('line 30', 'line 30!')
      if (n === 11) text = text.replace('line 13\n', 'line thirteen\n')
      const source = await upstream(lab, 'src/socket_base.cpp', text, `Change number ${n}`)
      if (n === 11) culprit = source
    }
    const source = await upstream(lab, 'src/zmq.cpp', 'other\n', 'Elsewhere')
    const error = await failureOf(lab.apply(source))
    assert.match(error.message, 'The entry "hook" does not apply')
    assert.match(
      error.details ?? '',
      `upstream changed it in ${culprit?.commit?.slice(0, 12)} (2026-01-02, Ada Example: Change number 11)`,
    )
    assert.match(error.hint ?? '', './build apply --3way --release 4.3.5')
    const conflict = error.cause as Conflict
    assert.is(conflict.slug, 'hook')
    assert.is(conflict.patch, 'patches/hook.patch')
    assert.is(conflict.upstream, 'none')
    assert.is(conflict.files[0]?.culprit?.id, culprit?.commit)
    assert.is(conflict.files[0]?.hunks[0]?.found?.line, 8)
  }))

test('says where upstream moved a file to', () =>
  inLab(async (lab) => {
    await standardSeries(lab)
    await mkdir(join(lab.upstream, 'lib'))
    await rename(join(lab.dir, socket), join(lab.upstream, 'lib/socket.cpp'))
    const moved = await upstream(lab, 'src/zmq.cpp', 'other\n', 'Move the sources')
    const error = await failureOf(lab.apply(moved))
    assert.match(
      error.details ?? '',
      'libzmq 4.3.5 has no src/socket_base.cpp; it is lib/socket.cpp now.',
    )
    assert.match(error.details ?? '', `upstream changed it in ${moved.commit?.slice(0, 12)}`)
    const done = await lab.apply(moved, { threeWay: true })
    assert.equal(done.merges, [
      { slug: 'hook', path: 'src/socket_base.cpp', renamedTo: 'lib/socket.cpp', how: 'merged' },
    ])
    assert.match(await lab.read(`${tree}/lib/socket.cpp`), 'line 10\nscif here\n')
  }))

test('tells what of a patch is upstream already', () =>
  inLab(async (lab) => {
    await standardSeries(lab)
    const hook = await lab.read('project/patches/hook.patch')
    await lab.write('project/patches/hook.patch', hook + addLine('src/zmq.cpp', 'zmq line', 9))
    const merged = await upstream(
      lab,
      'src/socket_base.cpp',
      lines.replace('line 10\n', 'line 10\nscif here\n'),
      'Take it',
    )
    const error = await failureOf(lab.apply(merged))
    assert.match(error.details ?? '', 'What it makes is there already.')
    assert.match(error.hint ?? '', 'has a part of it already: drop that part')
  }))

test('a merge that works alone is recorded, exported as a variant, and both releases apply', () =>
  inLab(async (lab) => {
    const { old, source } = await mergeable(lab)
    assert.match((await failureOf(lab.apply(source))).message, 'does not apply')
    const said: string[] = []
    const done = await lab.apply(source, { threeWay: true, line: (text) => said.push(text) })
    assert.is(done.action, 'applied')
    assert.equal(done.merges, [
      { slug: 'hook', path: 'src/socket_base.cpp', how: 'merged', basedOn: old.commit },
    ])
    assert.is(done.reason, '2 entries on libzmq 4.3.5; merged or put right: hook')
    assert.match(said.join('\n'), 'src/socket_base.cpp: merged for "hook"')
    assert.equal(
      done.commits.map(({ slug }) => slug),
      ['hook', 'build'],
    )
    assert.is((await lab.git(['rev-parse', 'HEAD'])).trim(), done.head)
    assert.match(
      await lab.read(`${tree}/src/socket_base.cpp`),
      'line EIGHT\nsocket line 9\nsocket line 10\nscif here\n',
    )
    assert.is((await lab.apply(source)).action, 'unchanged')
    const report = await lab.export()
    assert.equal(report.changes, [
      { path: 'patches/hook-4.4.0.patch', action: 'added' },
      { path: 'patches/series.yaml', action: 'changed' },
    ])
    const expected = standardManifest.replace(
      '    patch: hook.patch\n',
      `    variants:
      - { releases: "<4.4.0", patch: hook.patch }
      - { releases: ">=4.4.0", patch: hook-4.4.0.patch }\n`,
    )
    assert.is(await lab.read('project/patches/series.yaml'), expected)
    assert.is((await lab.apply(source)).action, 'unchanged')
    assert.equal((await lab.export({ check: true })).changes, [])
    const fresh = await lab.apply(source, { workDir: join(lab.dir, 'work/new') })
    assert.equal(
      fresh.commits.map(({ variant }) => variant),
      ['>=4.4.0', undefined],
    )
    const before = await lab.apply(old, { workDir: join(lab.dir, 'work/old') })
    assert.equal(
      before.commits.map(({ variant }) => variant),
      ['<4.4.0', undefined],
    )
  }))

test('a conflict stops in the work tree; put right, continued, exported', () =>
  inLab(async (lab) => {
    const { old, source } = await conflicting(lab)
    await lab.apply(old)
    const error = await failureOf(lab.apply(source, { threeWay: true }))
    assert.is(error.exitCode, 1)
    assert.match(error.message, 'is stopped at the entry "hook"')
    assert.match(error.details ?? '', 'src/socket_base.cpp: conflict markers, merged')
    for (const flag of ['--continue', '--skip', '--abort']) {
      assert.match(error.hint ?? '', `./build apply ${flag} --release 4.3.5`)
    }
    const marked = await lab.read(`${tree}/src/socket_base.cpp`)
    assert.match(marked, '<<<<<<< libzmq 4.3.5\nsocket line TEN\nsocket line ELEVEN\n')
    assert.match(marked, 'scif here\nsocket line 11\n>>>>>>> hook (patches/hook.patch)\n')
    assert.is(await lab.read(`${tree}/src/scif_address.cpp`), 'address\n')
    assert.match((await failureOf(lab.apply(source))).message, 'waits to be put right')
    assert.match((await failureOf(lab.export())).message, 'waits to be put right')
    assert.match(
      (await failureOf(lab.resume('continue'))).message,
      'still conflict markers in src/socket_base.cpp',
    )
    const right = lines.replace(
      'line 10\nsocket line 11\n',
      'line TEN\nscif here\nsocket line ELEVEN\n',
    )
    await lab.write(`${tree}/src/socket_base.cpp`, right)
    const done = await lab.resume('continue')
    assert.equal(
      done?.commits.map(({ slug }) => slug),
      ['hook', 'build'],
    )
    assert.is(done?.action, 'reapplied')
    assert.is(await lab.git(['status', '--porcelain']), '')
    assert.is(
      await lab.git(['log', '--format=%s', 'refs/scif/base..HEAD']),
      'Problem: nothing builds scif\nProblem: sockets do not know scif\n',
    )
    assert.match((await failureOf(lab.resume('continue'))).message, 'nothing to continue')
    await lab.export()
    const fresh = await lab.apply(source, { workDir: join(lab.dir, 'work/new') })
    assert.is(await lab.read('work/new/src/socket_base.cpp'), right)
    assert.is((await lab.git(['rev-parse', 'HEAD'])).trim(), fresh.head)
    await lab.apply(old, { workDir: join(lab.dir, 'work/old') })
  }))

test('skip leaves the entry out and says so; the rest can not be exported as the whole', () =>
  inLab(async (lab) => {
    const { source } = await conflicting(lab)
    await failureOf(lab.apply(source, { threeWay: true }))
    const said: string[] = []
    const done = await lab.resume('skip', { line: (text) => said.push(text) })
    assert.equal(done?.skipped, ['hook'])
    assert.equal(
      done?.commits.map(({ slug }) => slug),
      ['build'],
    )
    assert.equal(said, ['what is thrown away stays reachable as refs/scif/kept-edits'])
    assert.is(await lab.git(['status', '--porcelain']), '')
    assert.not.match(await lab.read(`${tree}/src/socket_base.cpp`), '<<<<')
    const error = await failureOf(lab.export())
    assert.match(error.message, 'leaves out hook')
    assert.match(error.hint ?? '', 'drop what was left out')
    assert.is((await lab.apply(source)).action, 'unchanged')
  }))

test('abort goes back to the start, whether there was a work tree or not', () =>
  inLab(async (lab) => {
    const { old, source } = await conflicting(lab)
    await failureOf(lab.apply(source, { threeWay: true }))
    await lab.write(`${tree}/src/zmq.cpp`, 'a try\n')
    assert.is(await lab.resume('abort'), undefined)
    assert.is((await lab.git(['rev-parse', 'HEAD'])).trim(), source.commit)
    assert.is(await lab.git(['status', '--porcelain']), '')
    const applied = await lab.apply(old, { line: () => {} })
    assert.is(applied.action, 'applied')
    await failureOf(lab.apply(source, { threeWay: true }))
    await lab.resume('abort')
    assert.is((await lab.git(['rev-parse', 'HEAD'])).trim(), applied.head)
    assert.is(await lab.git(['status', '--porcelain']), '')
    assert.is((await lab.git(['rev-parse', 'refs/scif/base'])).trim(), old.commit)
    assert.is((await lab.apply(old)).action, 'unchanged')
  }))

test('without history the hunks are marked where they seem to belong', () =>
  inLab(async (lab) => {
    const { source } = await conflicting(lab)
    const { gitDir: _, ...archive } = source
    const plain = await failureOf(lab.apply(archive))
    assert.not.match(plain.details ?? '', 'upstream changed it')
    const error = await failureOf(lab.apply(archive, { threeWay: true }))
    assert.match(error.details ?? '', 'there is no history to merge with')
    const marked = await lab.read(`${tree}/src/socket_base.cpp`)
    assert.is(
      marked.slice(marked.indexOf('<<<<'), marked.indexOf('socket line 14')),
      [
        '<<<<<<< libzmq 4.3.5',
        ...['8', '9', 'TEN', 'ELEVEN', '12', '13'].map((n) => `socket line ${n}`),
        '=======',
        ...['8', '9', '10'].map((n) => `socket line ${n}`),
        'scif here',
        ...['11', '12', '13'].map((n) => `socket line ${n}`),
        '>>>>>>> hook (patches/hook.patch)\n',
      ].join('\n'),
    )
  }))

test('a stop survives a crash, and a series that changes meanwhile is noticed', () =>
  inLab(async (lab) => {
    const { old, source } = await conflicting(lab)
    const before = await lab.apply(old)
    await failureOf(lab.apply(source, { threeWay: true }))
    const session = await lab.read(`${tree}/.git/scif/session.json`)
    const marked = await lab.read(`${tree}/src/socket_base.cpp`)
    const files = (await lab.git(['write-tree'])).trim()
    const to = JSON.parse(await lab.read(`${tree}/.git/scif/state.json`))
    await lab.resume('abort')
    // As if killed while the files were being written.
    const parsed = JSON.parse(session)
    const journal: Journal = { from: before.head, to, head: parsed.parent, files, session: parsed }
    await lab.write(`${tree}/.git/scif/journal.json`, JSON.stringify(journal))
    await lab.write(`${tree}/src/socket_base.cpp`, marked.slice(0, 100))
    assert.match((await failureOf(lab.export())).message, 'was killed half-way')
    assert.match((await failureOf(lab.resume('continue'))).message, 'still conflict markers')
    assert.is(await lab.read(`${tree}/src/socket_base.cpp`), marked)
    await lab.write(
      `${tree}/src/socket_base.cpp`,
      marked.replace(/^(<<<<|\|\|\|\||====|>>>>).*\n/gm, ''),
    )
    await lab.write('project/libzmq-ext/transport/tests/test_scif.cpp', 'changed\n')
    const changed = await failureOf(lab.resume('continue'))
    assert.match(changed.message, 'The series changed while the apply was stopped')
    await lab.resume('abort')
    assert.is((await lab.git(['rev-parse', 'HEAD'])).trim(), before.head)
  }))

test('of a patch of several files only what changed becomes variants', () =>
  inLab(async (lab) => {
    await standardSeries(lab)
    const parts = ['src/zmq.cpp', 'src/socket_base.cpp', 'CMakeLists.txt'] as const
    const prefixes = ['zmq line', 'socket line', 'cmake line']
    const [zmq = '', hook = '', cmake = ''] = parts.map((path, i) =>
      addLine(path, prefixes[i] ?? '', 10),
    )
    await lab.write('project/patches/hook.patch', zmq + hook)
    await lab.write('project/patches/more.patch', cmake)
    await lab.write('project/patches/build.patch', addLine('CMakeLists.txt', 'cmake line', 20))
    for (const patch of ['patch: hook.patch', 'patch: [hook.patch, more.patch]']) {
      await lab.write('project/patches/hook.patch', zmq + hook)
      const one = patch.includes('more') ? cmake : ''
      await lab.write(
        'project/patches/build.patch',
        one === '' ? cmake : addLine('CMakeLists.txt', 'cmake line', 20),
      )
      if (one === '') await rm(join(lab.patches, 'more.patch'))
      else await lab.write('project/patches/more.patch', cmake)
      await lab.write(
        'project/patches/series.yaml',
        standardManifest.replace('patch: hook.patch', patch),
      )
      const text = lines.replace('line 8\n', 'line EIGHT\n')
      const source = await upstream(lab, 'src/socket_base.cpp', text, 'Reword line 8')
      await lab.apply(source, { threeWay: true, discard: true })
      await lab.export()
      assert.is(await lab.read('project/patches/hook.patch'), zmq)
      assert.is(await lab.read('project/patches/hook-below-4.4.0.patch'), hook)
      const young = await lab.read('project/patches/hook-4.4.0.patch')
      assert.match(young, ' socket line EIGHT\n')
      assert.match(
        await lab.read('project/patches/series.yaml'),
        one === ''
          ? `    patch: hook.patch
    variants:
      - { releases: "<4.4.0", patch: hook-below-4.4.0.patch }
      - { releases: ">=4.4.0", patch: hook-4.4.0.patch }
`
          : `    patch:
      - hook.patch
      - { patch: hook-below-4.4.0.patch, releases: "<4.4.0" }
      - { patch: hook-4.4.0.patch, releases: ">=4.4.0" }
      - more.patch
`,
      )
      assert.is((await lab.apply(source)).action, 'unchanged')
      const old = await upstream(lab, 'src/socket_base.cpp', lines, 'Word it back', '4.3.5')
      const before = await lab.apply(old, { workDir: join(lab.dir, 'work', patch.slice(-6)) })
      assert.is(before.commits[0]?.variant, '<4.4.0')
      for (const name of ['hook-below-4.4.0', 'hook-4.4.0']) {
        await rm(join(lab.patches, `${name}.patch`))
      }
      await rm(lab.workDir, { recursive: true })
    }
  }))

test('variants of variants: the range is divided, or rewritten where it can not be', () =>
  inLab(async (lab) => {
    const { source } = await mergeable(lab)
    const manifest = standardManifest.replace(
      'patch: hook.patch\n',
      'variants:\n      - { releases: "<4.3.4" }\n      - releases: ">=4.3.4"\n        patch: [hook.patch]\n',
    )
    await lab.write('project/patches/series.yaml', manifest)
    await lab.apply(source, { threeWay: true })
    await lab.export()
    const yaml = await lab.read('project/patches/series.yaml')
    assert.match(
      yaml,
      `      - { releases: "<4.3.4" }
      - releases: ">=4.3.4 <4.4.0"
        patch: [hook.patch]
      - { releases: ">=4.4.0", patch: hook-4.4.0.patch }
`,
    )
    const text = lines.replace('line 8\n', 'line EIGHT\n').replace('line 12\n', 'line TWELVE\n')
    const next = await upstream(lab, 'src/socket_base.cpp', text, 'Twelve', '4.4.0')
    await lab.apply(next, { threeWay: true })
    const report = await lab.export()
    assert.equal(report.changes, [{ path: 'patches/hook-4.4.0.patch', action: 'changed' }])
    assert.is((await lab.apply(next)).action, 'unchanged')
  }))

test.run()
