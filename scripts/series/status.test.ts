// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { areaOf } from './glue.ts'
import { loadSeries } from './manifest.ts'
import { chooseRelease, findWorkTrees, readStatus, type TreeStatus } from './status.ts'
import { addLine, failureOf, inLab, type Lab, numbered, standardSeries } from './testing.ts'

async function statusOf(lab: Lab): Promise<TreeStatus | undefined> {
  const series = await loadSeries(lab.patches, lab.transport)
  return readStatus(lab.workDir, series, { env: lab.env, signal: new AbortController().signal })
}

test('a fresh work tree: base, applied, glue', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    assert.is(await statusOf(lab), undefined)
    const tree = await lab.apply(source)
    const status = await statusOf(lab)
    assert.equal(status?.base, { commit: tree.base, tree: source.tree, imported: true })
    assert.equal([status?.applied.count, status?.applied.of], [2, 2])
    assert.equal(status?.changes, [])
    assert.equal(status?.edits, { uncommitted: [], moved: false })
    assert.is(status?.notExported, 0)
    // Added files are no glue.
    assert.equal(status?.glue, {
      src: { added: 1, removed: 0 },
      build: { added: 1, removed: 0 },
      tests: { added: 0, removed: 0 },
      doc: { added: 0, removed: 0 },
      other: { added: 0, removed: 0 },
    })
    await lab.apply({ ...source, gitDir: join(lab.upstream, '.git') })
    assert.is((await statusOf(lab))?.base.imported, false)
  }))

test('what changed since: in the series, in the tree, by commits', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const tree = await lab.apply(source)
    await lab.write('work/libzmq-4.3.5/src/zmq.cpp', `${numbered('zmq line', 20)}more\n`)
    await lab.git(['commit', '-q', '-a', '-m', 'Problem: x\n\nSolution: y'])
    await lab.write('work/libzmq-4.3.5/CMakeLists.txt', 'edited\n')
    await lab.write('project/patches/build.patch', addLine('CMakeLists.txt', 'cmake line', 6))
    const status = await statusOf(lab)
    assert.equal(status?.changes, ['patches/build.patch changed'])
    assert.equal(status?.edits, { uncommitted: ['CMakeLists.txt'], moved: true })
    assert.is(status?.notExported, 1)
    assert.equal([status?.applied.count, status?.applied.of], [2, 2])
    assert.equal(status?.glue.src, { added: 2, removed: 0 })
    assert.is.not(status?.head, tree.head)
    await lab.git(['reset', '-q', '--hard', `${tree.head}^`])
    const dropped = await statusOf(lab)
    assert.equal([dropped?.applied.count, dropped?.notExported, dropped?.gone], [1, 0, 1])
  }))

test('an apply that is stopped shows where', () =>
  inLab(async (lab) => {
    await standardSeries(lab)
    const text = numbered('cmake line', 30).replace('line 5\ncmake line 6\n', 'line five and six\n')
    await lab.write('upstream/CMakeLists.txt', text)
    const source = await lab.release('next', '4.3.5', '4.4.0')
    const gitDir = join(lab.upstream, '.git')
    await failureOf(lab.apply({ ...source, gitDir }, { threeWay: true }))
    const status = await statusOf(lab)
    assert.is(status?.stoppedAt, 'build')
    assert.equal([status?.applied.count, status?.applied.of], [1, 2])
    assert.equal(status?.changes, ['nothing was applied yet'])
  }))

test('which work tree is meant', () =>
  inLab(async (lab) => {
    const context = { env: lab.env, signal: new AbortController().signal }
    const choose = (asked?: string) => chooseRelease(lab.dir, asked, context, 'export')
    assert.match((await failureOf(choose())).message, 'There is no work tree yet.')
    const source = await standardSeries(lab)
    await lab.apply(source)
    assert.is(await choose(), '4.3.5')
    assert.is(await choose('4.3.3'), '4.3.3')
    const workDir = join(lab.dir, 'work', 'libzmq-master')
    await lab.apply({ ...source, release: 'master', version: '4.3.6' }, { workDir })
    assert.equal(await findWorkTrees(lab.dir), [lab.workDir, workDir])
    const error = await failureOf(choose())
    assert.is(error.exitCode, 2)
    assert.match(error.message, 'There are work trees of libzmq 4.3.5, master.')
    assert.is(error.hint, 'Say which: ./build export --release master')
  }))

test('the parts of libzmq', () => {
  const areas = {
    'src/zmq.cpp': 'src',
    'include/zmq.h': 'src',
    'configure.ac': 'build',
    'CMakeLists.txt': 'build',
    'tests/CMakeLists.txt': 'build',
    'builds/cmake/platform.hpp.in': 'build',
    'Makefile.am': 'build',
    'tests/test_capabilities.cpp': 'tests',
    'unittests/unittest_poller.cpp': 'tests',
    'doc/Makefile.am': 'doc',
    'doc/zmq.adoc': 'doc',
    AUTHORS: 'other',
  }
  for (const [path, area] of Object.entries(areas)) assert.is(areaOf(path), area, path)
})

test.run()
