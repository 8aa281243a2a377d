// SPDX-License-Identifier: MPL-2.0
import { chmod, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { processName } from '../system/identity.ts'
import { lockOf } from './place.ts'
import { addLine, failureOf, inLab, type Lab, numbered, standardSeries } from './testing.ts'

const log = (lab: Lab): Promise<string> =>
  lab.git(['log', '--format=%an <%ae> %at %ct%n%B--', 'refs/scif/base..scif'])

test('makes a work tree: base, one commit per entry, the files', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const tree = await lab.apply(source)
    assert.is(tree.action, 'applied')
    assert.is(tree.reason, '2 entries on libzmq 4.3.5')
    assert.equal(
      tree.commits.map(({ slug, subject }) => [slug, subject]),
      [
        ['hook', 'Problem: sockets do not know scif'],
        ['build', 'Problem: nothing builds scif'],
      ],
    )
    assert.is((await lab.git(['rev-parse', 'refs/scif/base^{tree}'])).trim(), source.tree)
    assert.is((await lab.git(['rev-parse', 'HEAD'])).trim(), tree.head)
    assert.is((await lab.git(['rev-parse', 'HEAD^{tree}'])).trim(), tree.tree)
    assert.is((await lab.git(['symbolic-ref', 'HEAD'])).trim(), 'refs/heads/scif')
    assert.is(await lab.git(['status', '--porcelain']), '')
    const who = 'Ada Example <ada@example.invalid> 1767225600 1767225600'
    assert.is(
      await log(lab),
      [
        `${who}\nProblem: nothing builds scif\n\nSolution: build it.\n\nSeries-Entry: build\n--\n`,
        `${who}\nProblem: sockets do not know scif\n\nSolution: tell them.\n\nSeries-Entry: hook\n--\n`,
      ].join(''),
    )
    const socket = await lab.read('work/libzmq-4.3.5/src/socket_base.cpp')
    assert.match(socket, 'socket line 10\nscif here\nsocket line 11\n')
    assert.is(await lab.read('work/libzmq-4.3.5/src/scif_address.cpp'), 'address\n')
    const first = await lab.git(['show', '--name-status', '--format=', 'HEAD^'])
    assert.is(first, 'A\tsrc/scif_address.cpp\nM\tsrc/socket_base.cpp\n')
  }))

test('is reproducible, and the same by an archive and by a clone but for the base', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const one = await lab.apply(source)
    const two = await lab.apply(source, { workDir: join(lab.dir, 'work', 'again') })
    assert.is(one.head, two.head)
    const gitDir = join(lab.upstream, '.git')
    const cloned = await lab.apply({ ...source, gitDir }, { workDir: join(lab.dir, 'work', 'git') })
    assert.is(cloned.base, source.commit)
    assert.is(cloned.tree, one.tree)
    assert.is(cloned.seriesHash, one.seriesHash)
    const subject = await lab.git(['log', '-1', '--format=%s', 'refs/scif/base'], 'work/git')
    assert.is(subject, 'release\n')
  }))

test('takes upstream byte for byte, whatever its .gitattributes and .gitignore say', () =>
  inLab(async (lab) => {
    await lab.write('upstream/.gitattributes', '* text=auto\n*.bat eol=crlf\n*.id ident\n')
    await lab.write('upstream/.gitignore', 'src/ignored.h\n')
    await lab.write('upstream/src/ignored.h', 'kept\n')
    await lab.write('upstream/src/dos.txt', 'one\r\ntwo\r\n')
    await lab.write('upstream/run.bat', 'echo\n')
    await lab.write('upstream/a.id', '$Id$\n')
    await lab.write('upstream/configure.sh', '#!/bin/sh\n')
    await chmod(join(lab.upstream, 'configure.sh'), 0o755)
    await lab.write('upstream/.git/info/attributes', '* -text -ident\n')
    const source = await standardSeries(lab)
    await rm(join(lab.upstream, '.git'), { recursive: true })
    await lab.apply(source)
    assert.is((await lab.git(['rev-parse', 'refs/scif/base^{tree}'])).trim(), source.tree)
    assert.is(await lab.read('work/libzmq-4.3.5/src/dos.txt'), 'one\r\ntwo\r\n')
    assert.is(await lab.read('work/libzmq-4.3.5/run.bat'), 'echo\n')
    assert.is(await lab.read('work/libzmq-4.3.5/a.id'), '$Id$\n')
    assert.is((await stat(join(lab.workDir, 'configure.sh'))).mode & 0o111, 0o111)
  }))

test('a source that changed since it was fetched is exit code 4', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    await lab.write('upstream/src/zmq.cpp', 'tampered\n')
    const error = await failureOf(lab.apply(source))
    assert.is(error.exitCode, 4)
    assert.match(error.details ?? '', source.tree)
    assert.equal(await readdir(join(lab.dir, 'work')), [])
  }))

test('run again it does nothing; with changed inputs it says what changed', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const first = await lab.apply(source)
    const again = await lab.apply(source)
    assert.is(again.action, 'unchanged')
    assert.is(again.reason, 'same libzmq and same series as before')
    assert.is(again.head, first.head)
    // Any commit of upstream with the same tree will do as base, but the true one is better.
    await lab.write('project/libzmq-ext/transport/src/scif_address.cpp', 'better address\n')
    const changed = await lab.apply(source)
    assert.is(changed.action, 'reapplied')
    assert.is(changed.reason, 'libzmq-ext/transport/src/scif_address.cpp changed')
    assert.is(await lab.read('work/libzmq-4.3.5/src/scif_address.cpp'), 'better address\n')
    const true_ = await lab.apply({ ...source, gitDir: join(lab.upstream, '.git') })
    assert.match(
      true_.reason,
      `upstream's own commit ${source.commit?.slice(0, 12)} is at hand now`,
    )
    assert.is(true_.base, source.commit)
    assert.is((await lab.apply(source)).action, 'unchanged')
    const yaml = await lab.read('project/patches/series.yaml')
    await lab.write('project/patches/series.yaml', yaml.replace('tell them.', 'tell them at once.'))
    assert.is((await lab.apply(source)).reason, 'entry "hook" in series.yaml changed')
    await lab.write('upstream/src/zmq.cpp', numbered('zmq line', 21))
    const moved = await lab.release('next', '4.3.5', '4.3.5')
    assert.is(
      (await lab.apply(moved)).reason,
      `libzmq 4.3.5 is now tree ${moved.tree.slice(0, 12)}`,
    )
    assert.match(await lab.read('work/libzmq-4.3.5/src/zmq.cpp'), 'zmq line 21')
  }))

test('a re-apply touches only the files that change', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    await lab.apply(source)
    const then = new Date('2020-01-01T00:00:00Z')
    const paths = ['src/zmq.cpp', 'src/socket_base.cpp', 'src/scif_address.cpp', 'build.log']
    await lab.write('work/libzmq-4.3.5/build.log', 'of a build\n')
    for (const path of paths) await utimes(join(lab.workDir, path), then, then)
    await lab.write('project/libzmq-ext/transport/src/scif_address.cpp', 'better\n')
    await lab.apply(source)
    const times = await Promise.all(paths.map((path) => stat(join(lab.workDir, path))))
    const kept = times.map((stats) => stats.mtime.getTime() === then.getTime())
    assert.equal(kept, [true, true, false, true])
  }))

test('refuses to overwrite uncommitted edits and names the two ways out', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    await lab.apply(source)
    await lab.write('work/libzmq-4.3.5/src/zmq.cpp', 'edited\n')
    const same = await lab.apply(source)
    assert.is(same.action, 'unchanged')
    assert.equal(same.edits, { uncommitted: ['src/zmq.cpp'], moved: false })
    await lab.write('project/libzmq-ext/transport/src/scif_address.cpp', 'better\n')
    const error = await failureOf(lab.apply(source))
    assert.is(error.exitCode, 1)
    assert.match(error.message, 'libzmq-ext/transport/src/scif_address.cpp changed')
    assert.match(error.details ?? '', 'src/zmq.cpp')
    assert.match(error.hint ?? '', './build export --release 4.3.5')
    assert.match(error.hint ?? '', './build apply --discard --release 4.3.5')
    assert.is(await lab.read('work/libzmq-4.3.5/src/zmq.cpp'), 'edited\n')
    const lines: string[] = []
    const done = await lab.apply(source, { discard: true, line: (text) => lines.push(text) })
    assert.is(done.action, 'reapplied')
    assert.match(await lab.read('work/libzmq-4.3.5/src/zmq.cpp'), 'zmq line 20')
    assert.equal(lines, ['what is thrown away stays reachable as refs/scif/kept-edits'])
    assert.is(await lab.git(['show', 'refs/scif/kept-edits:src/zmq.cpp']), 'edited\n')
  }))

test('edits are kept also when a merge with conflicts, new and removed files are in the way', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    await lab.apply(source)
    const file = 'work/libzmq-4.3.5/src/zmq.cpp'
    const change = async (text: string) => {
      await lab.write(file, text)
      await lab.git(['commit', '-q', '-a', '-m', 'Problem: mine'])
    }
    await lab.git(['checkout', '-q', '-b', 'side'])
    await change('of the side\n')
    await lab.git(['checkout', '-q', 'scif'])
    await change('of the branch\n')
    assert.match((await failureOf(lab.git(['merge', '-q', 'side']))).message, 'git merge')
    await lab.write('work/libzmq-4.3.5/CMakeLists.txt', 'edited\n')
    await lab.write('work/libzmq-4.3.5/src/new.cpp', 'new\n')
    await lab.git(['add', 'src/new.cpp'])
    await lab.git(['rm', '-q', '--cached', 'tests/test_scif.cpp'])
    await lab.write('work/libzmq-4.3.5/tests/test_scif.cpp', 'edited, too\n')
    await lab.git(['rm', '-q', 'src/scif_address.cpp'])
    const lines: string[] = []
    await lab.apply(source, { discard: true, line: (text) => lines.push(text) })
    assert.match(lines.join('\n'), 'refs/scif/kept-edits')
    const kept = (path: string) => lab.git(['show', `refs/scif/kept-edits:${path}`])
    assert.match(await kept('src/zmq.cpp'), /<{7}.*of the side/s)
    assert.is(await kept('CMakeLists.txt'), 'edited\n')
    assert.is(await kept('src/new.cpp'), 'new\n')
    assert.is(await kept('tests/test_scif.cpp'), 'edited, too\n')
    await failureOf(kept('src/scif_address.cpp'))
    assert.is(await lab.git(['status', '--porcelain']), '')
    await lab.write(file, 'edited\n')
    await lab.write('work/libzmq-4.3.5/.git/refs/scif/kept-edits.lock', '')
    await failureOf(lab.apply(source, { discard: true }))
    assert.is(await lab.read(file), 'edited\n')
  }))

test('refuses to drop commits, and a rebase under way', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const before = await lab.apply(source)
    await lab.write('work/libzmq-4.3.5/src/zmq.cpp', 'edited\n')
    await lab.git(['commit', '-q', '-a', '-m', 'Problem: mine'])
    const mine = (await lab.git(['rev-parse', 'HEAD'])).trim()
    const same = await lab.apply(source)
    assert.is(same.action, 'unchanged')
    assert.is(same.head, mine)
    assert.is(same.edits.moved, true)
    await lab.write('project/libzmq-ext/transport/src/scif_address.cpp', 'better\n')
    const error = await failureOf(lab.apply(source))
    assert.match(error.details ?? '', 'HEAD is not the commit that apply left')
    await lab.git(['reset', '-q', '--hard', before.head])
    await lab.write('work/libzmq-4.3.5/.git/rebase-merge/head-name', 'refs/heads/scif\n')
    assert.match((await failureOf(lab.apply(source))).details ?? '', 'a rebase under way')
    await lab.apply(source, { discard: true })
    assert.is(await lab.git(['status', '--porcelain']), '')
    assert.is(await lab.read('work/libzmq-4.3.5/src/scif_address.cpp'), 'better\n')
  }))

test('an entry that does not apply: all is told, and the work tree stays as it was', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const before = await lab.apply(source)
    const text = numbered('socket line', 40).replace('socket line 10\n', 'socket LINE ten\n')
    await lab.write('upstream/src/socket_base.cpp', text)
    const moved = await lab.release('reworded', '4.3.5', '4.3.5')
    const error = await failureOf(lab.apply(moved))
    assert.is(error.exitCode, 1)
    assert.is(
      error.message,
      'The entry "hook" does not apply to libzmq 4.3.5: patches/hook.patch does not fit.',
    )
    assert.is(
      error.details,
      [
        'patches/hook.patch:4: hunk 1 of src/socket_base.cpp has no place (it was made for line 8).',
        '  expected:',
        ...[8, 9, 10, 11, 12, 13].map((n) => `    socket line ${n}`),
        '  found at line 8:',
        '    socket line 8',
        '    socket line 9',
        '    socket LINE ten',
        ...[11, 12, 13].map((n) => `    socket line ${n}`),
      ].join('\n'),
    )
    assert.match(error.hint ?? '', './build apply --release 4.3.5')
    assert.is((await lab.git(['rev-parse', 'HEAD'])).trim(), before.head)
    assert.is(await lab.git(['status', '--porcelain']), '')
  }))

test('applies at another line, but never with less context or other white space', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const lines = numbered('socket line', 40)
    await lab.write('upstream/src/socket_base.cpp', `new\nnew\nnew\n${lines}`)
    const shifted = await lab.release('shifted', '4.3.5', '4.3.5')
    await lab.apply(shifted)
    const applied = await lab.read('work/libzmq-4.3.5/src/socket_base.cpp')
    assert.match(applied, 'socket line 10\nscif here\nsocket line 11\n')
    for (const other of [
      lines.replace('line 8\n', 'line eight\n'),
      lines.replace('socket line 12', 'socket  line 12'),
      lines.replace('line 13\n', 'line 13 \n'),
    ]) {
      await lab.write('upstream/src/socket_base.cpp', other)
      const next = await lab.release('other', '4.3.5', '4.3.5')
      assert.match((await failureOf(lab.apply(next))).message, 'does not apply')
    }
    await lab.write('upstream/src/socket_base.cpp', lines)
    assert.is((await lab.apply(source)).action, 'reapplied')
  }))

test('says that a patch, or a file, is upstream already', () =>
  inLab(async (lab) => {
    await standardSeries(lab)
    const lines = numbered('socket line', 40).replace('line 10\n', 'line 10\nscif here\n')
    await lab.write('upstream/src/socket_base.cpp', lines)
    const merged = await failureOf(lab.apply(await lab.release('merged', '4.4.0', '4.4.0')))
    assert.match(merged.details ?? '', 'What it makes is there already.')
    assert.match(merged.hint ?? '', 'libzmq 4.4.0 has all of it already: drop the patch')
    await lab.write('upstream/src/socket_base.cpp', numbered('socket line', 40))
    await lab.write('upstream/src/scif_address.cpp', 'theirs\n')
    const added = await failureOf(lab.apply(await lab.release('added', '4.4.0', '4.4.0')))
    assert.match(added.message, '"hook" adds src/scif_address.cpp, which libzmq 4.4.0 has already')
    await rm(join(lab.upstream, 'src'), { recursive: true })
    const gone = await failureOf(lab.apply(await lab.release('gone', '4.4.0', '4.4.0')))
    assert.match(gone.details ?? '', 'libzmq 4.4.0 has no src/socket_base.cpp')
  }))

test('below the supported releases: exit code 2, and nothing is tried', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const error = await failureOf(lab.apply({ ...source, version: '4.3.2' }))
    assert.is(error.exitCode, 2)
    assert.match(error.message, 'libzmq 4.3.2 is not supported: the series is for >=4.3.3.')
  }))

test('two runs at once: the second waits for the first, or gives up when it takes too long', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const lines: string[] = []
    const line = (text: string) => lines.push(text)
    const both = await Promise.all([lab.apply(source, { line }), lab.apply(source, { line })])
    assert.equal(both.map((tree) => tree.action).sort(), ['applied', 'unchanged'])
    assert.equal(lines, [`waiting for another ./build (process ${process.pid})`])
    await writeFile(lockOf(lab.workDir), processName())
    const error = await failureOf(lab.apply(source, { patience: 0 }))
    assert.is(error.exitCode, 1)
    assert.match(error.message, `Another ./build (process ${process.pid}) is at work on libzmq`)
  }))

test('what killed runs left beside the work tree is swept up', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    // A process of that number may live, but it did not start then.
    const gone = processName().replace(/\d+$/, '1')
    await lab.write('work/.libzmq-4.3.5.new-99/x', 'half a tree')
    await lab.write('work/.libzmq-4.3.5.lock', gone)
    await lab.write(`work/.libzmq-4.3.5.lock.${gone}.abcd`, gone)
    await lab.write('work/libzmq-4.3.4/mine', 'of another release')
    assert.is((await lab.apply(source)).action, 'applied')
    assert.equal(await readdir(join(lab.dir, 'work')), ['libzmq-4.3.4', 'libzmq-4.3.5'])
  }))

test('a folder that apply did not make is left alone', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    await lab.write('work/libzmq-4.3.5/precious.txt', 'mine')
    assert.match((await failureOf(lab.apply(source))).message, 'apply did not make it')
    assert.equal(await readdir(lab.workDir), ['precious.txt'])
  }))

test('deep patches: two entries on one file, mode bits, a deleted file', () =>
  inLab(async (lab) => {
    await standardSeries(lab)
    const second = addLine('src/socket_base.cpp', 'socket line', 30, 'scif again')
    const gone = [
      'diff --git a/src/old.txt b/src/old.txt\ndeleted file mode 100644\n',
      '--- a/src/old.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n',
    ]
    await lab.write('upstream/src/old.txt', 'old\n')
    const source = await lab.release('with old', '4.3.5', '4.3.5')
    const build = await lab.read('project/patches/build.patch')
    await lab.write('project/patches/build.patch', build + second + gone.join(''))
    await chmod(join(lab.transport, 'tests/test_scif.cpp'), 0o755)
    await lab.apply(source)
    const changed = await lab.git(['show', '--name-status', '--format=', 'HEAD'])
    assert.is(
      changed,
      'M\tCMakeLists.txt\nD\tsrc/old.txt\nM\tsrc/socket_base.cpp\nA\ttests/test_scif.cpp\n',
    )
    const mode = await lab.git(['ls-files', '-s', 'tests/test_scif.cpp'])
    assert.ok(mode.startsWith('100755 '))
  }))

test.run()
