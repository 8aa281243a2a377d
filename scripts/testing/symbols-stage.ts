// SPDX-License-Identifier: MPL-2.0
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { refs } from '../series/repository.ts'
import { gitEnv } from '../system/git.ts'
import { runOrFail } from '../system/run.ts'
import { findCompilers } from '../toolchain/compiler.ts'
import { installInto } from '../toolchain/install-prefix.ts'
import { buildLibzmq, exportedSymbols, type LibzmqBuild } from '../toolchain/libzmq.ts'
import { must, testedRelease } from './build-script.ts'
import { Checks } from './checks.ts'
import type { Stage, StageContext } from './stage.ts'

export const symbolsStage: Stage = {
  id: 'symbols',
  title: 'A build without scif exports exactly what upstream’s does',
  floor: 4,
  minutes: 15,
  after: ['build', 'interrupt'],
  run: compareSymbols,
}

/** The API of libzmq 4.3: fewer exported names mean that nm has not seen the library. */
const leastSymbols = 60

async function compareSymbols(context: StageContext) {
  const checks = new Checks(context)
  const library = (prefix: string) => join(context.out, prefix, 'lib', 'libzmq.so')
  let pristine: string[] = []
  await checks.that('upstream’s own source builds, the same way', async () => {
    await buildPristine(context)
    pristine = await exportedSymbols(library('prefix-pristine'), context)
  })
  await checks.that('it exports the API', () => {
    must(pristine.length >= leastSymbols, `only ${pristine.length} symbols`)
    must(pristine.includes('T zmq_msg_send'), 'no zmq_msg_send')
  })
  await checks.that('the series without scif exports exactly the same symbols', async () => {
    same(pristine, await exportedSymbols(library('prefix-noscif'), context))
  })
  await checks.that('the series with scif, too: no API is added', async () => {
    same(pristine, await exportedSymbols(library('prefix'), context))
  })
  return checks.counts()
}

function same(expected: readonly string[], actual: readonly string[]): void {
  const more = actual.filter((name) => !expected.includes(name))
  const fewer = expected.filter((name) => !actual.includes(name))
  must(
    more.length + fewer.length === 0 && expected.length > 0,
    `added: ${more.join(', ') || 'none'}; missing: ${fewer.join(', ') || 'none'}`,
  )
}

/** The base commit of the work tree, exported, built with the flags of the others. */
async function buildPristine(context: StageContext): Promise<void> {
  const { out, env, signal, logFile, jobs } = context
  const workDir = join(out, 'work', `libzmq-${testedRelease}`)
  const dir = join(out, 'pristine')
  const archive = join(out, 'pristine.tar')
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const options = { cwd: workDir, env: gitEnv({ env }), signal, logFile }
  await runOrFail(['git', 'archive', `--output=${archive}`, refs.base], {
    ...options,
    what: 'git archive',
  })
  await runOrFail(['tar', '-xf', archive, '-C', dir], { ...options, what: 'tar' })
  const build: LibzmqBuild = {
    source: { dir, release: testedRelease, tree: 'pristine', edited: false },
    buildSystem: 'autotools',
    buildDir: join(out, 'build', 'pristine'),
    prefix: join(out, 'prefix-pristine'),
    scif: { kind: 'none' },
    drafts: false,
    scifKey: 'none',
    compilers: await findCompilers(env, signal),
    jobs,
    logBase: join(out, 'logs', 'pristine'),
  }
  const stage = join(build.buildDir, 'stage')
  await buildLibzmq(build, stage, { env }, { ...context, line: context.progress })
  installInto(join(stage, build.prefix), build.prefix)
}
