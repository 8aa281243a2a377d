// SPDX-License-Identifier: MPL-2.0
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { repositoryAt } from '../series/repository.ts'
import { UserError } from '../ui/errors.ts'
import { type BuildContext, buildPrograms, buildTree, type TreeBuild } from './build.ts'
import { type CellJob, ownTests } from './cell.ts'
import { runPrograms } from './programs.ts'

/**
 * Builds each commit of the series in its turn, in one folder, so that only what a commit changes
 * is compiled, and runs the tests that the series has added by then. With scif from the commit on
 * that lets a build have it.
 */
export async function buildEveryCommit(
  job: CellJob,
  last: TreeBuild,
  context: BuildContext,
): Promise<{ commits: number; failed: string[] }> {
  const { work, plan } = job
  const root = `${dirname(work.workDir)}-commits-${plan.buildSystem}${plan.scif ? '' : '-noscif'}`
  const dir = join(root, 'src')
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const repo = repositoryAt(work.workDir, context.env, context.signal)
  const indexFile = join(root, 'index')
  rmSync(indexFile, { force: true })
  const configures = plan.buildSystem === 'cmake' ? 'CMakeLists.txt' : 'configure.ac'
  const tests = ownTests(job.series, work.version)
  const failed: string[] = []
  for (const [at, commit] of work.commits.entries()) {
    context.progress(`commit ${at + 1} of ${work.commits.length}: ${commit.slug}`)
    // Only files that differ are written, so that make has as little to do as can be.
    const from = at === 0 ? [] : [work.commits[at - 1]?.id ?? '']
    const how = at === 0 ? ['--reset', '-u'] : ['-m', '-u']
    await repo.git(['read-tree', ...how, ...from, commit.id], { indexFile, workTree: dir })
    const knowsScif = /scif/i.test(readFileSync(join(dir, configures), 'utf8'))
    const build: TreeBuild = {
      ...last,
      dir,
      tree: commit.id,
      buildDir: join(root, 'build'),
      logBase: `${last.logBase}-commits`,
      ...(knowsScif ? {} : { scif: { kind: 'none' }, scifKey: 'none' }),
    }
    try {
      const built = await buildTree(build, context)
      const programs = await buildPrograms(build, { ...context, env: built.env }, tests)
      const options = {
        cwd: build.buildDir,
        env: built.env,
        signal: context.signal,
        logFile: `${build.logBase}-tests.log`,
        ...{ parallel: 2, timeout: 120_000, progress: context.progress },
      }
      const ran = await job.tests.hold(() => runPrograms(programs, options))
      if (ran.failed > 0) failed.push(commit.slug)
    } catch (error) {
      context.signal.throwIfAborted()
      if (!(error instanceof UserError)) throw error
      failed.push(commit.slug)
    }
  }
  return { commits: work.commits.length, failed }
}
