// SPDX-License-Identifier: MPL-2.0
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Context } from '../system/context.ts'
import { run, runOrFail } from '../system/run.ts'
import { UserError } from '../ui/errors.ts'
import type { StepHandle } from '../ui/steps.ts'
import { cleanPrefix } from './clean-prefix.ts'
import { ago, compileLibzmq } from './compile.ts'
import { findCompilers } from './compiler.ts'
import { exportedSymbols, type LibzmqBuild } from './libzmq.ts'
import { buildSoftscif, type SoftscifBuild } from './softscif.ts'
import { put, standInLibzmq, standInSoftscif } from './testing.ts'
import type { LibscifChoice } from './types.ts'

const scratch = mkdtempSync(join(tmpdir(), 'zmq-scif-compile-'))
test.after(() => rmSync(scratch, { recursive: true, force: true }))

const { CC: _, CXX: __, ...env } = process.env
const compilers = await findCompilers({ ...env, CCACHE_DISABLE: '1' })

interface World {
  out: string
  context: Context
  handle: StepHandle
  softscif: SoftscifBuild
  libzmq(more?: Partial<LibzmqBuild>): LibzmqBuild
}

/** An out folder with sources that stand in for the real ones. */
function world(): World {
  const out = mkdtempSync(join(scratch, 'out-'))
  const prefix = join(out, 'prefix')
  const signal = new AbortController().signal
  const dir = standInLibzmq(join(out, 'work', 'libzmq-4.3.4'))
  return {
    out,
    context: {
      root: out,
      out,
      env,
      jobs: 2,
      offline: true,
      signal,
      now: () => new Date('2026-01-01T00:00:00Z'),
    },
    handle: { progress() {}, line() {}, signal },
    softscif: {
      sourceDir: standInSoftscif(join(out, 'softscif')),
      buildDir: join(out, 'build', 'softscif'),
      prefix,
      compilers,
      logFile: join(out, 'logs', 'softscif.log'),
    },
    libzmq: (more = {}) => ({
      source: { dir, release: '4.3.4', tree: 'tree-1', edited: false },
      buildSystem: 'autotools',
      buildDir: join(out, 'build', '4.3.4-autotools'),
      prefix,
      scif: { kind: 'soft', prefix },
      drafts: false,
      scifKey: 'soft 1',
      compilers,
      jobs: 2,
      logBase: join(out, 'logs', '4.3.4-autotools'),
      ...more,
    }),
  }
}

const provenance = { seriesHash: 'a'.repeat(64), route: 'debian' }
const compile = (at: World, more: Partial<LibzmqBuild> = {}) =>
  compileLibzmq(at.libzmq(more), provenance, at.context, at.handle)

/** A libscif in the prefix, without the way by CMake. */
async function placeLibscif({ softscif }: World): Promise<void> {
  const { prefix, sourceDir } = softscif
  const lib = join(prefix, 'lib')
  mkdirSync(lib, { recursive: true })
  const library = join(lib, 'libscif.so.0.0.1')
  const argv = ['-shared', '-fPIC', '-Wl,-soname,libscif.so.0', '-o', library]
  await runOrFail([compilers.cc, ...argv, join(sourceDir, 'src', 'scif.c')], {
    cwd: lib,
    env,
    what: 'cc',
  })
  symlinkSync('libscif.so.0.0.1', join(lib, 'libscif.so.0'))
  symlinkSync('libscif.so.0', join(lib, 'libscif.so'))
}

async function failure(work: Promise<unknown>): Promise<UserError> {
  const error = await work.then(
    () => undefined,
    (error) => error,
  )
  assert.instance(error, UserError)
  return error as UserError
}

test('builds, installs, checks, records; a second time there is nothing to do', async () => {
  const at = world()
  assert.is((await buildSoftscif(at.softscif, at.context, at.handle)).status, 'done')
  const { built, outcome } = await compile(at)
  assert.is(outcome.status, 'done')
  assert.is(built.zmqVersion, '4.3.4')
  assert.ok(built.hasScif)
  assert.equal(built.scif, { kind: 'soft', prefix: built.prefix, version: 'libscif.so.0.0.1' })

  const record = JSON.parse(readFileSync(join(built.prefix, '.scif-build.json'), 'utf8'))
  assert.is(record.tree, 'tree-1')
  assert.is(record.date, '2026-01-01T00:00:00.000Z')
  assert.ok(record.files.includes('bin/local_thr'))
  assert.not.ok(existsSync(join(built.prefix, 'lib', 'libzmq.la')))
  assert.ok(lstatSync(join(built.prefix, 'lib', 'libzmq.so')).isSymbolicLink())

  const again = await compile(at)
  assert.equal(again.outcome.status, 'skipped')
  assert.match(again.outcome.detail ?? '', /same sources, flags, compiler and libscif as/)
  assert.equal(again.built, built)
  assert.is((await buildSoftscif(at.softscif, at.context, at.handle)).status, 'skipped')
})

test('installed programs run from the prefix, and from wherever it is moved to', async () => {
  const at = world()
  await placeLibscif(at)
  const { built } = await compile(at)
  const moved = join(at.out, 'moved here')
  const common = { cwd: '/', env: { PATH: env.PATH }, timeout: 20_000 }
  await run(['cp', '-a', built.prefix, moved], common)
  rmSync(built.prefix, { recursive: true })
  const { exitCode, stderr } = await run([join(moved, 'bin', 'local_thr')], common)
  assert.is(exitCode, 0, stderr)
})

test('what changes decides how much is done again', async () => {
  const at = world()
  await placeLibscif(at)
  const runs = (file: string) => {
    const path = join(at.out, file)
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').length : 0
  }
  const configured = 'build/4.3.4-autotools/configured'
  const autogens = 'work/libzmq-4.3.4/config/autogen-runs'
  await compile(at)
  assert.equal([runs(autogens), runs(configured)], [1, 1])

  // Other sources: make does what is needed.
  const source = { ...at.libzmq().source, tree: 'tree-2' }
  const sources = await compile(at, { source })
  assert.is(sources.outcome.detail, 'the sources')
  assert.equal([runs(autogens), runs(configured)], [1, 1])

  // Another configure.ac: generated and configured again, nothing thrown away.
  put(join(source.dir, 'configure.ac'), 'AC_INIT([new])\n')
  await compile(at, { source: { ...source, tree: 'tree-3' } })
  assert.equal([runs(autogens), runs(configured)], [2, 2])

  // Another libscif: begun anew.
  const scif = await compile(at, { source: { ...source, tree: 'tree-3' }, scifKey: 'soft 2' })
  assert.is(scif.outcome.detail, 'libscif')
  assert.equal([runs(autogens), runs(configured)], [2, 1])
})

test('an edited work tree is never skipped', async () => {
  const at = world()
  await placeLibscif(at)
  await compile(at)
  const source = { ...at.libzmq().source, edited: true }
  for (const attempt of [1, 2])
    assert.is((await compile(at, { source })).outcome.status, 'done', `attempt ${attempt}`)
  assert.is((await compile(at)).outcome.status, 'done')
  assert.is((await compile(at)).outcome.status, 'skipped')
})

test('a file that is gone from the prefix is put back', async () => {
  const at = world()
  await buildSoftscif(at.softscif, at.context, at.handle)
  const { built } = await compile(at)
  rmSync(join(built.prefix, 'bin', 'remote_lat'))
  assert.is((await compile(at)).outcome.status, 'done')
  assert.ok(existsSync(join(built.prefix, 'bin', 'remote_lat')))
  rmSync(join(built.prefix, 'lib', 'libscif.so.0.0.1'))
  assert.is((await buildSoftscif(at.softscif, at.context, at.handle)).status, 'done')
  assert.ok(existsSync(join(built.prefix, 'lib', 'libscif.so.0.0.1')))
})

test('a libscif of the user’s own is taken from where it is, and never another', async () => {
  const at = world()
  const own = join(at.out, 'intel')
  await placeLibscif({ ...at, softscif: { ...at.softscif, prefix: own } })
  const library = join(own, 'lib', 'libscif.so')
  const scif: LibscifChoice = { kind: 'real', prefix: own, library, device: undefined }
  const { built } = await compile(at, { scif, scifKey: 'real 1' })
  assert.ok(built.hasScif)
  assert.equal(built.scif, { kind: 'real', prefix: own, version: 'libscif.so.0.0.1' })
  // One that lies in the prefix would be found first.
  await placeLibscif(at)
  const error = await failure(compile(at, { scif, scifKey: 'real 2' }))
  assert.match(error.message, /it takes libscif\.so\.0 from .*prefix.*, not .*intel/)
})

test('without scif: zmq_has says so, no libscif is needed, the symbols are the same', async () => {
  const at = world()
  const scif: LibscifChoice = { kind: 'none' }
  const prefix = join(at.out, 'prefix-noscif')
  const { built } = await compile(at, { scif, prefix, scifKey: 'none' })
  assert.not.ok(built.hasScif)
  assert.equal(built.scif, { kind: 'none' })
  const library = join(prefix, 'lib', 'libzmq.so')
  assert.equal(await exportedSymbols(library, at.context), ['T zmq_has', 'T zmq_version'])
})

test('a libzmq that has not got the transport although it was asked for is refused', async () => {
  const at = world()
  await placeLibscif(at)
  const { dir } = at.libzmq().source
  const file = join(dir, 'src', 'zmq.cpp')
  put(file, readFileSync(file, 'utf8').replace('return !strcmp (capability, "scif");', 'return 0;'))
  const error = await failure(compile(at))
  assert.match(error.message, /was built with SCIF, but zmq_has \("scif"\) is 0/)
  assert.match(error.hint, /configure\.log/)
  assert.is(error.exitCode, 1)
  assert.not.ok(existsSync(join(at.out, 'prefix', '.scif-build.json')))
})

test('a compiler error shows the last lines and the path of the log', async () => {
  const at = world()
  await placeLibscif(at)
  put(join(at.libzmq().source.dir, 'src', 'zmq.cpp'), 'int broken (\n')
  const error = await failure(compile(at))
  assert.match(error.message, /^Compiling libzmq failed with exit code 2/)
  assert.match(error.details ?? '', /zmq\.cpp:\d+:\d+: error/)
  assert.match(error.hint, /logs\/4\.3\.4-autotools-make\.log/)
  assert.match(readFileSync(join(at.out, 'logs', '4.3.4-autotools-make.log'), 'utf8'), /error:/)
})

test('another libzmq in the same prefix replaces the first, file for file', async () => {
  const at = world()
  await placeLibscif(at)
  const { built } = await compile(at)
  const { dir } = at.libzmq().source
  put(
    join(dir, 'autogen.sh'),
    readFileSync(join(dir, 'autogen.sh'), 'utf8').replace('libzmq.pc', 'zmq.pc'),
  )
  await compile(at, { source: { ...at.libzmq().source, tree: 'tree-2' } })
  const pkgconfig = join(built.prefix, 'lib', 'pkgconfig')
  assert.ok(existsSync(join(pkgconfig, 'zmq.pc')))
  assert.not.ok(existsSync(join(pkgconfig, 'libzmq.pc')))
})

test('two builds into one prefix at once: one works, the other finds it done', async () => {
  const at = world()
  await placeLibscif(at)
  const outcomes = (await Promise.all([compile(at), compile(at)])).map(
    (each) => each.outcome.status,
  )
  assert.equal(outcomes.sort(), ['done', 'skipped'])
})

test('Autotools refuse a path with a blank in plain words', async () => {
  const at = world()
  const error = await failure(compile(at, { buildDir: join(at.out, 'a b') }))
  assert.match(error.message, /cannot build in ".*a b"/)
  assert.match(error.hint, /--out|cmake/)
  assert.is(error.exitCode, 2)
})

test('clean takes out of a prefix what was installed, and leaves the rest', async () => {
  const at = world()
  await buildSoftscif(at.softscif, at.context, at.handle)
  const { built } = await compile(at)
  put(join(built.prefix, 'lib', 'mine.txt'), 'mine')
  assert.equal(cleanPrefix(built.prefix), ['lib/mine.txt'])
  assert.equal(readFileSync(join(built.prefix, 'lib', 'mine.txt'), 'utf8'), 'mine')
  assert.not.ok(existsSync(join(built.prefix, 'bin')))
  rmSync(join(built.prefix, 'lib', 'mine.txt'))
  assert.equal(cleanPrefix(built.prefix), [])
  assert.not.ok(existsSync(built.prefix))
})

test('ages', () => {
  const now = new Date('2026-01-02T00:00:00Z')
  assert.is(ago('2026-01-01T23:59:59Z', now), '1 second ago')
  assert.is(ago('2026-01-01T23:57:00Z', now), '3 minutes ago')
  assert.is(ago('2026-01-01T22:00:00Z', now), '2 hours ago')
  assert.is(ago('2025-12-30T00:00:00Z', now), '3 days ago')
  assert.is(ago('2026-01-03T00:00:00Z', now), '0 seconds ago')
})

test.run()
