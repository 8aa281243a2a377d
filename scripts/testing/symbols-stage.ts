// SPDX-License-Identifier: MPL-2.0
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { refs } from '../series/repository.ts'
import { findCompilers } from '../toolchain/compiler.ts'
import { installInto } from '../toolchain/install-prefix.ts'
import { buildLibzmq, exportedSymbols, type LibzmqBuild } from '../toolchain/libzmq.ts'
import { exportCommit } from '../verify/pristine.ts'
import { compareSymbols, leastSymbols } from '../verify/symbols.ts'
import { must, testedRelease } from './build-script.ts'
import { Checks } from './checks.ts'
import type { Stage, StageContext } from './stage.ts'

export const symbolsStage: Stage = {
  id: 'symbols',
  title: 'A build without scif exports exactly what upstream’s does',
  floor: 4,
  minutes: 15,
  after: ['build', 'interrupt'],
  run: compareLibraries,
}

async function compareLibraries(context: StageContext) {
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
  const { equal, detail } = compareSymbols(expected, actual)
  must(equal, detail)
}

/** The base commit of the work tree, exported, built with the flags of the others. */
async function buildPristine(context: StageContext): Promise<void> {
  const { out, env, signal, jobs } = context
  const workDir = join(out, 'work', `libzmq-${testedRelease}`)
  const dir = join(out, 'pristine')
  mkdirSync(out, { recursive: true })
  await exportCommit(join(workDir, '.git'), refs.base, dir, { env, signal })
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
