// SPDX-License-Identifier: MPL-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { uniqueName } from '../system/identity.ts'
import type { FetchedSource } from '../upstream/types.ts'
import { sweepScratch } from './place.ts'
import { exists, repositoryAt, withScratch } from './repository.ts'
import type { Journal, State } from './state.ts'
import { failureOf, inLab, type Lab, standardSeries, within } from './testing.ts'

const changed = 'libzmq-ext/transport/src/scif_address.cpp changed'

/** Changes two files of the series, so that a switch has something to do. */
async function changeSeries(lab: Lab): Promise<void> {
  await lab.write('project/libzmq-ext/transport/src/scif_address.cpp', 'better address\n')
  await lab.write('project/libzmq-ext/transport/tests/test_scif.cpp', 'better test\n')
}

/** Runs apply in a process that is killed right before its n-th git; true when it was. */
async function applyKilled(lab: Lab, source: FetchedSource, n: number): Promise<boolean> {
  const git = `${process.env.PATH?.split(':').join('/git ')}/git`
  await lab.write(
    'bin/git',
    `#!/bin/sh
echo x >> ${lab.dir}/calls
if [ "$(wc -l < ${lab.dir}/calls)" -eq ${n} ]; then
  kill -9 "$(cat ${lab.dir}/pid)"
  exit 1
fi
for real in ${git}; do
  [ -x "$real" ] && exec "$real" "$@"
done
`,
  )
  await chmod(join(lab.dir, 'bin/git'), 0o755)
  await rm(join(lab.dir, 'calls'), { force: true })
  const env = { ...lab.env, PATH: `${lab.dir}/bin:${lab.env.PATH}` }
  const script = `
    import { writeFileSync } from 'node:fs'
    const { applySeries } = await import(${JSON.stringify(import.meta.resolve('./apply.ts'))})
    const { loadSeries } = await import(${JSON.stringify(import.meta.resolve('./manifest.ts'))})
    const given = JSON.parse(process.argv[1])
    writeFileSync(given.pid, String(process.pid))
    const series = await loadSeries(given.patches, given.transport)
    const context = { env: given.env, signal: new AbortController().signal }
    await applySeries({ source: given.source, series, workDir: given.workDir, context })
  `
  const { patches, transport, workDir } = lab
  const given = { patches, transport, workDir, source, env, pid: join(lab.dir, 'pid') }
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', script, JSON.stringify(given)],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
  )
  const [code, signal] = await within(30_000, once(child, 'exit'))
  if (signal !== 'SIGKILL') assert.is(code, 0)
  return signal === 'SIGKILL'
}

test('killed at any step of the first apply: the next one makes the whole', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    let n = 1
    for (; await applyKilled(lab, source, n); n += 5) {
      const complete = await exists(lab.workDir)
      if (complete) assert.is(await lab.git(['status', '--porcelain']), '')
    }
    assert.ok(n > 15, `${n}`)
    assert.is((await lab.apply(source)).action, 'unchanged')
    assert.equal(await readdir(join(lab.dir, 'work')), ['libzmq-4.3.5'])
    assert.is(await lab.git(['status', '--porcelain', '--ignored']), '')
  }))

test('killed at any step of a re-apply: the next one finishes it', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const before = await lab.apply(source)
    const yaml = await lab.read('project/patches/series.yaml')
    await changeSeries(lab)
    const after = await lab.apply(source)
    const back = async (): Promise<void> => {
      await lab.write('project/libzmq-ext/transport/src/scif_address.cpp', 'address\n')
      await lab.write('project/libzmq-ext/transport/tests/test_scif.cpp', 'test\n')
      assert.is((await lab.apply(source)).head, before.head)
      await changeSeries(lab)
    }
    assert.is(await lab.read('project/patches/series.yaml'), yaml)
    await back()
    let n = 1
    let journals = 0
    while (await applyKilled(lab, source, n)) {
      if (await exists(join(lab.workDir, '.git/scif/journal.json'))) journals++
      const next = await lab.apply(source)
      assert.is(next.head, after.head)
      assert.is(await lab.git(['status', '--porcelain']), '')
      assert.is((await lab.git(['rev-parse', 'HEAD'])).trim(), after.head)
      assert.is(await lab.read('work/libzmq-4.3.5/src/scif_address.cpp'), 'better address\n')
      await back()
      // Before the switch all steps are alike: nothing is touched yet.
      n += n < 14 ? 5 : 1
    }
    assert.ok(journals >= 2, `${journals} of the kills fell into the switch`)
  }))

test('scratch of a killed run is swept up; that of one that is at work is left alone', () =>
  inLab(async (lab) => {
    await lab.apply(await standardSeries(lab))
    const repo = repositoryAt(lab.workDir, lab.env)
    const killed = `tmp-${uniqueName().replace(/\.\d+\./, '.4194305.')}`
    await lab.write(`work/libzmq-4.3.5/.git/scif/${killed}/trial`, '')
    await withScratch(repo, async (scratch) => {
      await sweepScratch(repo)
      const names = await readdir(repo.own)
      assert.equal(
        names.filter((name) => name.startsWith('tmp-')),
        [basename(scratch)],
      )
    })
  }))

/** A re-apply as if killed within git: the journal is written, the files are in between. */
async function halfSwitched(lab: Lab, source: FetchedSource): Promise<string> {
  const before = await lab.apply(source)
  const old = await lab.read('work/libzmq-4.3.5/.git/scif/state.json')
  await changeSeries(lab)
  await lab.apply(source)
  const to: State = JSON.parse(await lab.read('work/libzmq-4.3.5/.git/scif/state.json'))
  const journal: Journal = { from: before.head, to }
  await lab.git(['read-tree', '--reset', '-u', before.head])
  await lab.git(['update-ref', 'refs/heads/scif', before.head])
  await lab.git(['update-ref', 'refs/scif/applied', before.head])
  await lab.write('work/libzmq-4.3.5/.git/scif/state.json', old)
  await lab.write('work/libzmq-4.3.5/.git/scif/journal.json', JSON.stringify(journal))
  await lab.write('work/libzmq-4.3.5/.git/index.lock', '')
  return to.head
}

test('killed in the middle of writing files: half-written ones are finished', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const head = await halfSwitched(lab, source)
    await lab.write('work/libzmq-4.3.5/src/scif_address.cpp', 'bett')
    await rm(join(lab.workDir, 'tests/test_scif.cpp'))
    const lines: string[] = []
    const next = await lab.apply(source, { line: (text) => lines.push(text) })
    assert.equal(lines, ['finished an apply that was killed half-way'])
    assert.is(next.action, 'unchanged')
    assert.is(next.head, head)
    assert.is(await lab.git(['status', '--porcelain']), '')
    assert.is(await lab.read('work/libzmq-4.3.5/src/scif_address.cpp'), 'better address\n')
    assert.is(await lab.read('work/libzmq-4.3.5/tests/test_scif.cpp'), 'better test\n')
  }))

test('git itself killed while it writes files: the next apply goes on there', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    await lab.apply(source)
    await changeSeries(lab)
    const real = process.env.PATH?.split(':').find((dir) => existsSync(join(dir, 'git'))) ?? ''
    await lab.write(
      'bin/git',
      `#!/bin/sh
case "$*" in
  *"read-tree -m"*) printf bett > ${lab.workDir}/src/scif_address.cpp; kill -9 $$ ;;
esac
exec ${real}/git "$@"
`,
    )
    await chmod(join(lab.dir, 'bin/git'), 0o755)
    const env = { ...lab.env, PATH: `${lab.dir}/bin:${lab.env.PATH}` }
    const context = { env, signal: new AbortController().signal }
    const error = await failureOf(lab.apply(source, { context }))
    assert.match(error.message, 'could not be brought up to date')
    assert.match(error.details ?? '', 'SIGKILL')
    assert.match(error.hint ?? '', 'it goes on where this one stopped')
    assert.is((await lab.apply(source)).action, 'unchanged')
    assert.is(await lab.read('work/libzmq-4.3.5/src/scif_address.cpp'), 'better address\n')
    assert.is(await lab.git(['status', '--porcelain']), '')
  }))

test('edits made after the kill are not overwritten', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    await halfSwitched(lab, source)
    await lab.write('work/libzmq-4.3.5/src/scif_address.cpp', 'my edit\n')
    const error = await failureOf(lab.apply(source))
    assert.is(error.exitCode, 1)
    assert.match(error.message, 'was killed half-way, and files were edited since')
    assert.is(error.details, '  src/scif_address.cpp')
    await rm(join(lab.workDir, 'src/scif_address.cpp'))
    // An edit elsewhere stays.
    await lab.write('work/libzmq-4.3.5/src/zmq.cpp', 'elsewhere\n')
    const next = await lab.apply(source)
    assert.equal(next.edits, { uncommitted: ['src/zmq.cpp'], moved: false })
    assert.is(await lab.read('work/libzmq-4.3.5/src/zmq.cpp'), 'elsewhere\n')
    assert.is(await lab.read('work/libzmq-4.3.5/src/scif_address.cpp'), 'better address\n')
  }))

test('an untracked file in the way stops a re-apply before it writes anything', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const before = await lab.apply(source)
    await lab.write('work/libzmq-4.3.5/src/scif_new.cpp', 'mine, not tracked\n')
    await lab.write('project/libzmq-ext/transport/src/scif_new.cpp', 'of the series\n')
    await changeSeries(lab)
    const yaml = await lab.read('project/patches/series.yaml')
    const more = yaml.replace(
      '- src/scif_address.cpp',
      '- src/scif_address.cpp\n      - src/scif_new.cpp',
    )
    await lab.write('project/patches/series.yaml', more)
    const error = await failureOf(lab.apply(source))
    assert.match(error.message, 'could not be brought up to date')
    assert.match(error.details ?? '', 'src/scif_new.cpp')
    assert.is((await lab.git(['rev-parse', 'HEAD'])).trim(), before.head)
    assert.is(await lab.read('work/libzmq-4.3.5/src/scif_address.cpp'), 'address\n')
    assert.is(await lab.read('work/libzmq-4.3.5/src/scif_new.cpp'), 'mine, not tracked\n')
    await rm(join(lab.workDir, 'src/scif_new.cpp'))
    const reason = (await lab.apply(source)).reason
    assert.match(reason, changed)
  }))

test.run()
