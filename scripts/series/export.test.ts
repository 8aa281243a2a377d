// SPDX-License-Identifier: MPL-2.0
import { chmod, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { uniqueName } from '../system/identity.ts'
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

/** Edits a file of the work tree by replacing a text that must be there. */
async function edit(lab: Lab, path: string, from: string, to: string): Promise<void> {
  const text = await lab.read(`${tree}/${path}`)
  assert.ok(text.includes(from), `${path} has ${from}`)
  await lab.write(`${tree}/${path}`, text.replace(from, to))
}

const commit = (lab: Lab, message: string) => lab.git(['commit', '-q', '-a', '-m', message])

/** Differences between two states of the project, as "+path", "-path", "~path". */
function differences(before: Record<string, string>, after: Record<string, string>): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...names]
    .filter((name) => before[name] !== after[name])
    .map(
      (name) => (before[name] === undefined ? '+' : after[name] === undefined ? '-' : '~') + name,
    )
    .sort()
}

/** After an export: the series as written makes the very tree, and exporting again changes nothing. */
async function isSettled(lab: Lab, source: Parameters<Lab['apply']>[0]): Promise<void> {
  const head = (await lab.git(['rev-parse', 'HEAD'])).trim()
  assert.is(await lab.git(['status', '--porcelain']), '')
  const same = await lab.apply(source)
  assert.is(same.action, 'unchanged')
  assert.equal(same.edits, { uncommitted: [], moved: false })
  assert.is(same.head, head)
  const again = await lab.export({ check: true })
  assert.equal(again.changes, [])
  const fresh = await lab.apply(source, { workDir: join(lab.dir, 'work', 'fresh') })
  assert.is(fresh.head, head)
}

test('an untouched tree exports to the same bytes', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const before = await lab.project()
    const applied = await lab.apply(source)
    for (const check of [true, false]) {
      const report = await lab.export({ check })
      assert.equal(report.changes, [])
      assert.is(report.written, false)
      assert.is(report.head, applied.head)
    }
    assert.equal(await lab.project(), before)
  }))

test('an edit of an added file, as a fixup, changes that file alone', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    await lab.apply(source)
    const before = await lab.project()
    await edit(lab, 'src/scif_address.cpp', 'address', 'better address')
    await chmod(join(lab.workDir, 'src/scif_address.cpp'), 0o755)
    await lab.git(['commit', '-q', '-a', '--fixup=HEAD^'])
    const checked = await lab.export({ check: true })
    assert.equal(checked.changes, [
      { path: 'libzmq-ext/transport/src/scif_address.cpp', action: 'changed' },
    ])
    assert.equal(await lab.project(), before)
    const report = await lab.export()
    assert.is(report.written, true)
    const after = await lab.project()
    assert.equal(differences(before, after), ['~libzmq-ext/transport/src/scif_address.cpp'])
    assert.is(after['libzmq-ext/transport/src/scif_address.cpp'], 'better address\n')
    const listed = await lab.git(['ls-files', '-s', 'src/scif_address.cpp'])
    assert.ok(listed.startsWith('100755'))
    assert.is((await lab.git(['rev-list', '--count', 'refs/scif/base..HEAD'])).trim(), '2')
    assert.is(
      await lab.git(['log', '-1', '--format=%s', 'refs/scif/kept-head']),
      'fixup! Problem: sockets do not know scif\n',
    )
    await isSettled(lab, source)
  }))

test('an edit of glue rewrites the part of that file, and no other', () =>
  inLab(async (lab) => {
    await standardSeries(lab)
    // Written by hand: no line numbers that git would write, and a second file.
    const odd = addLine('src/socket_base.cpp', 'socket line', 10).replace(
      '@@ -8,6 +8,7 @@',
      '@@ -5,6 +5,7 @@ odd',
    )
    await lab.write('upstream/src/ctx.cpp', numbered('ctx line', 20))
    await lab.write('project/patches/hook.patch', odd + addLine('src/ctx.cpp', 'ctx line', 7))
    const source = await lab.release('ctx', '4.3.5', '4.3.5')
    await lab.apply(source)
    const before = await lab.project()
    await edit(lab, 'src/ctx.cpp', 'scif here', 'scif here\nand there')
    await edit(lab, 'src/zmq.cpp', 'zmq line 9\n', 'zmq line 9\nzmq_has\n')
    await lab.git(['commit', '-q', '-a', '--fixup=HEAD^'])
    await lab.export()
    const after = await lab.project()
    assert.equal(differences(before, after), ['~patches/hook.patch'])
    assert.is(
      after['patches/hook.patch'],
      odd +
        addLine('src/ctx.cpp', 'ctx line', 7, 'scif here\n+and there').replace(
          '-5,6 +5,7 @@',
          '-5,6 +5,8 @@ ctx line 4',
        ) +
        addLine('src/zmq.cpp', 'zmq line', 9, 'zmq_has').replace(
          '-7,6 +7,7 @@',
          '-7,6 +7,7 @@ zmq line 6',
        ),
    )
    await isSettled(lab, source)
  }))

test('a reworded commit finds its entry again; nothing else in series.yaml moves', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    await lab.apply(source)
    const message =
      'Problem: no build system\nknows scif\n\nSolution: teach both.\n\nSeries-Entry: build\n'
    await lab.git(['commit', '-q', '--amend', '-m', message])
    const report = await lab.export()
    assert.equal(report.changes, [{ path: 'patches/series.yaml', action: 'changed' }])
    const expected = standardManifest.replace(
      '      Problem: nothing builds scif\n\n      Solution: build it.\n',
      '      Problem: no build system\n      knows scif\n\n      Solution: teach both.\n',
    )
    assert.is(await lab.read('project/patches/series.yaml'), expected)
    await isSettled(lab, source)
  }))

test('a new commit is a new entry, at its place', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const applied = await lab.apply(source)
    const [hook, build] = applied.commits.map(({ id }) => id)
    await lab.git(['reset', '-q', '--hard', hook ?? ''])
    await edit(lab, 'src/zmq.cpp', 'zmq line 9\n', 'zmq line 9\nzmq_has\n')
    await lab.write(`${tree}/src/scif_has.hpp`, 'has\n')
    await lab.git(['add', '-A'])
    await commit(
      lab,
      "Problem: zmq_has can't tell of scif, and it's a long subject line\n\nSolution: let it.",
    )
    await lab.git(['cherry-pick', build ?? ''])
    const report = await lab.export()
    const slug = 'zmq-has-cant-tell-of-scif-and-its-a-long-subject'
    assert.match(report.notes.join('\n'), `is the new entry "${slug}"`)
    assert.equal(report.changes, [
      { path: 'libzmq-ext/transport/src/scif_has.hpp', action: 'added' },
      { path: 'patches/series.yaml', action: 'changed' },
      { path: `patches/${slug}.patch`, action: 'added' },
    ])
    const expected = standardManifest.replace(
      '  - slug: build\n',
      `  - slug: ${slug}
    message: |
      Problem: zmq_has can't tell of scif, and it's a long subject line

      Solution: let it.
    patch: ${slug}.patch
    files:
      - src/scif_has.hpp
  - slug: build\n`,
    )
    assert.is(await lab.read('project/patches/series.yaml'), expected)
    await isSettled(lab, source)
  }))

test('a dropped commit drops its entry, its patches and its files', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    await lab.apply(source)
    await lab.git(['reset', '-q', '--hard', 'HEAD^'])
    const report = await lab.export()
    assert.equal(report.notes, ['the entry "build" has no commit any more and is dropped'])
    assert.equal(report.changes, [
      { path: 'libzmq-ext/transport/tests/test_scif.cpp', action: 'deleted' },
      { path: 'patches/build.patch', action: 'deleted' },
      { path: 'patches/series.yaml', action: 'changed' },
    ])
    const at = standardManifest.indexOf('  - slug: build')
    assert.is(await lab.read('project/patches/series.yaml'), standardManifest.slice(0, at))
    await isSettled(lab, source)
  }))

/** A part of the entry "build" for each of two ranges of releases. */
async function withVariants(lab: Lab): Promise<Record<string, string>> {
  await lab.write('project/patches/zmq-new.patch', addLine('src/zmq.cpp', 'zmq line', 12))
  await lab.write('project/patches/zmq-old.patch', addLine('src/zmq.cpp', 'zmq line', 9))
  await lab.write('project/libzmq-ext/transport/doc/scif.adoc', 'manual\n')
  const variants = `patch: build.patch
    variants:
      - { releases: "<4.3.6", patch: zmq-old.patch }
      - { releases: ">=4.3.6", patch: zmq-new.patch }
`
  const manifest = standardManifest.replace('patch: build.patch\n', variants)
  const file = '      - { from: doc/scif.adoc, releases: ">=4.3.6" }\n'
  await lab.write('project/patches/series.yaml', manifest + file)
  return lab.project()
}

const reworded = 'Problem: no build system knows scif\n\nSolution: teach both.'

test('a commit that lost its trailer is still its entry, also when it was edited', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const before = await withVariants(lab)
    await lab.apply(source)
    await lab.git(['commit', '-q', '--amend', '-m', reworded])
    const report = await lab.export()
    assert.match(report.notes.join('\n'), 'has no trailer; by its files it is the entry "build"')
    assert.equal(report.changes, [{ path: 'patches/series.yaml', action: 'changed' }])
    await isSettled(lab, source)
    await edit(lab, 'src/zmq.cpp', 'scif here', 'scif HERE')
    await lab.git(['commit', '-q', '-a', '--amend', '-m', reworded])
    await lab.export()
    assert.equal(differences(before, await lab.project()), [
      '~patches/series.yaml',
      '~patches/zmq-old.patch',
    ])
    assert.match(await lab.read('project/patches/series.yaml'), '- slug: build\n')
    await isSettled(lab, source)
  }))

test('what other releases have of an entry is dropped only when that is said', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const before = await withVariants(lab)
    await lab.apply(source)
    // Not the files of the entry, so it may as well be something else.
    await lab.git(['reset', '-q', '--hard', 'HEAD^'])
    await edit(lab, 'CMakeLists.txt', 'cmake line 9\n', 'cmake line 9\nscif\n')
    await commit(lab, reworded)
    const error = await failureOf(lab.export())
    assert.is(error.exitCode, 1)
    assert.match(error.message, 'The entry "build" has no commit any more, but other releases')
    assert.is(error.details, '  patches/zmq-new.patch\n  libzmq-ext/transport/doc/scif.adoc')
    assert.match(error.hint ?? '', './build export --drop --release 4.3.5')
    assert.equal(await lab.project(), before)
    const { changes } = await lab.export({ drop: true })
    assert.equal(
      changes.filter(({ action }) => action === 'deleted').map(({ path }) => path),
      [
        ...['libzmq-ext/transport/doc/scif.adoc', 'libzmq-ext/transport/tests/test_scif.cpp'],
        ...['patches/build.patch', 'patches/zmq-new.patch', 'patches/zmq-old.patch'],
      ],
    )
    await isSettled(lab, source)
  }))

test('a split commit: the first keeps the entry, the second is new', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const applied = await lab.apply(source)
    await lab.git(['reset', '-q', '--mixed', 'HEAD^'])
    const message = 'Problem: nothing builds scif\n\nSolution: build it.\n\nSeries-Entry: build\n'
    await commit(lab, message)
    await lab.git(['add', '-A'])
    await commit(lab, message)
    const report = await lab.export()
    assert.match(
      report.notes.join('\n'),
      'is the new entry "nothing-builds-scif", split from "build"',
    )
    const yaml = await lab.read('project/patches/series.yaml')
    assert.match(yaml, '    patch: build.patch\n  - slug: nothing-builds-scif\n')
    assert.match(yaml, 'Solution: build it.\n    files:\n      - tests/test_scif.cpp\n')
    assert.is((await lab.git(['rev-parse', 'HEAD^{tree}'])).trim(), applied.tree)
    await isSettled(lab, source)
  }))

test('reordered commits reorder their entries, comments and all', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const applied = await lab.apply(source)
    const [hook, build] = applied.commits.map(({ id }) => id)
    await lab.git(['reset', '-q', '--hard', 'refs/scif/base'])
    await lab.git(['cherry-pick', build ?? '', hook ?? ''])
    const report = await lab.export()
    assert.equal(report.changes, [{ path: 'patches/series.yaml', action: 'changed' }])
    const [head, first, second] = standardManifest.split(/(?= {2}# The hook| {2}- slug: build)/)
    assert.is(await lab.read('project/patches/series.yaml'), `${head}${second}${first}`)
    await isSettled(lab, source)
  }))

test('files move between commits, are edited by others, and go', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const applied = await lab.apply(source)
    await lab.git(['reset', '-q', '--hard', 'refs/scif/base'])
    await lab.git(['checkout', applied.head, '--', '.'])
    await lab.git([
      'rm',
      '-q',
      '--cached',
      'src/scif_address.cpp',
      'CMakeLists.txt',
      'tests/test_scif.cpp',
    ])
    await lab.git(['reset', '-q', 'CMakeLists.txt'])
    await lab.git([
      'commit',
      '-q',
      '-m',
      'Problem: sockets do not know scif\n\nSolution: tell them.\n\nSeries-Entry: hook',
    ])
    await rm(join(lab.workDir, 'tests/test_scif.cpp'))
    await lab.git(['add', '-A'])
    await commit(lab, 'Problem: nothing builds scif\n\nSolution: build it.\n\nSeries-Entry: build')
    await edit(lab, 'src/scif_address.cpp', 'address', 'late edit')
    await commit(lab, 'Problem: the address is wrong\n\nSolution: right it.')
    const report = await lab.export()
    assert.equal(report.changes, [
      { path: 'libzmq-ext/transport/src/scif_address.cpp', action: 'changed' },
      { path: 'libzmq-ext/transport/tests/test_scif.cpp', action: 'deleted' },
      { path: 'patches/series.yaml', action: 'changed' },
    ])
    const notes = report.notes.join('\n')
    assert.match(notes, 'src/scif_address.cpp is now of the entry "build"')
    assert.match(notes, 'does to src/scif_address.cpp goes into the entry "build", which adds it')
    const expected = standardManifest
      .replace('    files:\n      - src/scif_address.cpp\n', '')
      .replace('- tests/test_scif.cpp', '- src/scif_address.cpp')
    assert.is(await lab.read('project/patches/series.yaml'), expected)
    await isSettled(lab, source)
  }))

test('of variants only the one for this release changes', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    await lab.write('project/patches/zmq-new.patch', addLine('src/zmq.cpp', 'zmq line', 12))
    await lab.write('project/patches/zmq-old.patch', addLine('src/zmq.cpp', 'zmq line', 9))
    const manifest = standardManifest.replace(
      'patch: hook.patch\n',
      `patch: hook.patch
    variants:
      - { releases: "<4.3.6", patch: zmq-old.patch }
      - { releases: ">=4.3.6", patch: zmq-new.patch }
`,
    )
    await lab.write('project/patches/series.yaml', manifest)
    await lab.apply(source)
    const before = await lab.project()
    await edit(lab, 'src/zmq.cpp', 'scif here', 'scif HERE')
    await lab.git(['commit', '-q', '-a', '--fixup=HEAD^'])
    const report = await lab.export()
    assert.equal(differences(before, await lab.project()), ['~patches/zmq-old.patch'])
    assert.equal(report.notes, [
      'the entry "hook" changed and has variants for ">=4.3.6" too: see whether they need the same',
    ])
    await isSettled(lab, source)
    // Taken away for this release, the variant stays to say that nothing needs doing.
    await edit(lab, 'src/zmq.cpp', 'scif HERE\n', '')
    await lab.git(['commit', '-q', '-a', '--fixup=HEAD^'])
    await lab.export()
    const yaml = await lab.read('project/patches/series.yaml')
    assert.is(
      yaml,
      manifest.replace('{ releases: "<4.3.6", patch: zmq-old.patch }', '{ releases: "<4.3.6" }'),
    )
    await isSettled(lab, source)
  }))

test('refuses what is half done: edits not committed, a merge, a killed apply', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const applied = await lab.apply(source)
    const before = await lab.project()
    await edit(lab, 'src/socket_base.cpp', 'scif here', 'scif there')
    const dirty = await failureOf(lab.export())
    assert.is(dirty.exitCode, 1)
    assert.is(
      dirty.details,
      `  src/socket_base.cpp: of hook ${applied.commits[0]?.id.slice(0, 12)}`,
    )
    assert.match(dirty.hint ?? '', 'commit -a --fixup=')
    await lab.git(['reset', '-q', '--hard'])
    await lab.write(`${tree}/.git/CHERRY_PICK_HEAD`, `${applied.head}\n`)
    assert.match((await failureOf(lab.export())).hint ?? '', 'cherry-pick --continue, or --abort')
    await rm(join(lab.workDir, '.git/CHERRY_PICK_HEAD'))
    await lab.write(`${tree}/.git/rebase-apply/applying`, '')
    const am = await failureOf(lab.export())
    assert.match(am.message, 'there is an am under way')
    assert.match(am.hint ?? '', ' am --continue, or --abort')
    await rm(join(lab.workDir, '.git/rebase-apply'), { recursive: true })
    await lab.git(['checkout', '-q', '-b', 'side', 'HEAD^'])
    await lab.git(['merge', '-q', '--no-ff', '-m', 'Problem: x\n\nSolution: y', 'scif'])
    const merged = await failureOf(lab.export())
    assert.match(merged.message, 'are not one line above refs/scif/base')
    assert.match(merged.hint ?? '', 'rebase refs/scif/base')
    await lab.git(['checkout', '-q', 'scif'])
    await lab.write(`${tree}/.git/scif/journal.json`, '{}')
    assert.match((await failureOf(lab.export())).hint ?? '', './build apply --release 4.3.5')
    await rm(join(lab.workDir, '.git/scif/journal.json'))
    await edit(lab, 'src/zmq.cpp', 'zmq line 3\n', '')
    await commit(lab, 'a quick try')
    const vague = await failureOf(lab.export())
    assert.match(vague.message, 'a commit message begins "Problem: …"')
    assert.equal(await lab.project(), before)
    const none = await failureOf(lab.export({ workDir: join(lab.dir, 'none') }))
    assert.match(none.hint ?? '', './build apply --release 4.3.5')
  }))

test('what can not be written is told, and nothing is left of it, nor of a killed export', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    await lab.apply(source)
    const before = await lab.project()
    await edit(lab, 'src/zmq.cpp', 'zmq line 9\n', 'zmq line 9\nzmq_has\n')
    await commit(lab, 'Problem: zmq has it not\n\nSolution: let it.')
    const killed = `.export-${uniqueName().replace(/\.\d+\./, '.4194305.')}`
    await lab.write(`project/libzmq-ext/transport/src/${killed}`, '')
    const inTheWay = join(lab.patches, 'zmq-has-it-not.patch')
    await mkdir(inTheWay)
    const error = await failureOf(lab.export())
    assert.is(error.message, 'The files of the series could not be written.')
    assert.is(error.exitCode, 3)
    const names = await readdir(join(lab.dir, 'project'), { recursive: true })
    assert.equal(
      names.filter((name) => name.includes('.export-')),
      [],
    )
    await rm(inTheWay, { recursive: true })
    assert.equal(differences(before, await lab.project()), [])
    await lab.export()
    await isSettled(lab, source)
  }))

test('a project that went on: both sides are kept apart, or refused where they meet', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    await lab.apply(source)
    await edit(lab, 'src/scif_address.cpp', 'address', 'of the tree')
    await lab.git(['commit', '-q', '-a', '--fixup=HEAD^'])
    await lab.write('project/libzmq-ext/transport/tests/test_scif.cpp', 'of the project\n')
    assert.match((await failureOf(lab.apply(source))).hint ?? '', './build export')
    const report = await lab.export()
    assert.equal(report.changes, [
      { path: 'libzmq-ext/transport/src/scif_address.cpp', action: 'changed' },
    ])
    assert.is(await lab.read(`${tree}/tests/test_scif.cpp`), 'of the project\n')
    assert.is(await lab.read(`${tree}/src/scif_address.cpp`), 'of the tree\n')
    await isSettled(lab, source)
    await edit(lab, 'src/socket_base.cpp', 'scif here', 'by the tree')
    await lab.git(['commit', '-q', '-a', '--fixup=HEAD^'])
    const other = addLine('src/socket_base.cpp', 'socket line', 10, 'by the project')
    await lab.write('project/patches/hook.patch', other)
    const error = await failureOf(lab.export())
    assert.match(error.message, 'patches/hook.patch changed since it was applied')
    assert.is(await lab.read('project/patches/hook.patch'), other)
  }))

test.run()
