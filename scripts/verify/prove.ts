// SPDX-License-Identifier: MPL-2.0
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Repository } from '../series/repository.ts'
import type { Compilers } from '../toolchain/compiler.ts'
import type { LibscifChoice } from '../toolchain/types.ts'
import { UserError } from '../ui/errors.ts'
import type { Proof, Prover } from './bisect.ts'
import { type BuildContext, buildPrograms, buildTree, type TreeBuild, testFlags } from './build.ts'
import { runPrograms } from './programs.ts'
import type { BuildSystem } from './types.ts'

export interface ProverOptions {
  buildSystem: BuildSystem
  libscif: { choice: LibscifChoice; key: string }
  compilers: Compilers
  jobs: number
  /** The folder that it builds in; one build after the other, so that little is compiled anew. */
  root: string
  logs: string
  context: BuildContext
}

/**
 * A prover that keeps one source folder and one build folder: from commit to commit only the
 * files that differ are written, and only what depends on them is compiled.
 */
export function makeProver(options: ProverOptions): Prover {
  const { root, context, buildSystem } = options
  const src = join(root, 'src')
  const indexFile = join(root, 'index')
  rmSync(src, { recursive: true, force: true })
  rmSync(indexFile, { force: true })
  let standing: string | undefined
  return async (repo: Repository, head, { version, only }): Promise<Proof> => {
    mkdirSync(src, { recursive: true })
    const from = standing === undefined ? ['--reset', '-u'] : ['-m', '-u', standing]
    await repo.git(['read-tree', ...from, head], { indexFile, workTree: src })
    standing = head
    const build: TreeBuild = {
      ...{ dir: src, release: version, tree: head, buildSystem },
      buildDir: join(root, buildSystem),
      ...{ scif: options.libscif.choice, scifKey: options.libscif.key },
      ...{ more: testFlags(buildSystem), drafts: false },
      ...{ compilers: options.compilers, jobs: options.jobs },
      logBase: join(options.logs, `bisect-${buildSystem}`),
    }
    try {
      const built = await buildTree(build, context)
      const inBuild = { ...context, env: built.env }
      // No names: that it builds is all that is asked.
      if (only?.length === 0) return { kind: 'passed' }
      const programs = await buildPrograms(build, inBuild, only)
      const ran = await runPrograms(programs, {
        ...{ cwd: build.buildDir, env: built.env, signal: context.signal },
        logFile: `${build.logBase}-tests.log`,
        ...{ parallel: 4, timeout: 120_000, progress: context.progress },
      })
      if (ran.failed === 0) return { kind: 'passed' }
      const { failures } = ran
      return { kind: 'tests', detail: `failed: ${failures.join(', ')}`, failures }
    } catch (error) {
      context.signal.throwIfAborted()
      if (!(error instanceof UserError)) throw error
      return { kind: 'build', detail: [error.message, error.details].filter(Boolean).join('\n') }
    }
  }
}
