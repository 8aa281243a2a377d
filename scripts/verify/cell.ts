// SPDX-License-Identifier: MPL-2.0
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { resolveSeries } from '../series/resolve.ts'
import type { AppliedTree, Series } from '../series/types.ts'
import { buildEnv, type Compilers } from '../toolchain/compiler.ts'
import { exportedSymbols, generateConfigure } from '../toolchain/libzmq.ts'
import type { LibscifChoice } from '../toolchain/types.ts'
import { UserError } from '../ui/errors.ts'
import {
  askTree,
  type BuildContext,
  type BuiltTree,
  buildPrograms,
  buildTree,
  listPrograms,
  type TreeBuild,
  testFlags,
} from './build.ts'
import { buildEveryCommit } from './every-commit.ts'
import { type OthersChoice, unasked } from './others.ts'
import { exportOnce } from './pristine.ts'
import { failsEver, runPrograms } from './programs.ts'
import type { Mutex } from './schedule.ts'
import { compareSymbols } from './symbols.ts'
import {
  type CellPlan,
  type CellResult,
  type Check,
  cellId,
  type ReleaseResult,
  type Tests,
  whyFailed,
} from './types.ts'

/** All that a cell is made from. */
export interface CellJob {
  plan: CellPlan
  release: ReleaseResult
  work: AppliedTree
  series: Series
  compilers: Compilers
  jobs: number
  logs: string
  libscif: { choice: LibscifChoice; key: string }
  everyCommit: boolean
  /** Of a cell with every other transport: those that it can have. */
  others: OthersChoice | undefined
  /** Upstream's tests have some fixed ports: one cell at a time runs them. */
  tests: Mutex
  /** One build at a time of the same pristine source. */
  pristine: Mutex
}

/** Test programs at the same time; most of them wait most of the time. */
const parallelTests = 4
/** Longer than upstream's own limit for its slowest. */
const testTimeout = 120_000
/** Some tests fail by luck: so often upstream's own source has the chance to. */
const upstreamRuns = 6

/** Builds a cell and looks at everything there is to see; what fails is in the result. */
export async function runCell(job: CellJob, context: BuildContext): Promise<CellResult> {
  const start = performance.now()
  const { plan, release, work, others } = job
  const { version, tree, seriesHash } = release
  const id = cellId(release.release, plan)
  const checks: Check[] = []
  const more: Partial<CellResult> = {}
  const looks = new Looks(checks, context)
  const build = treeBuild(job, id, others)
  const built = await looks.at('build', join(job.logs, `${id}-make.log`), async () => {
    // Other cells of the same source tree want its configure too.
    if (plan.buildSystem === 'autotools') await job.pristine.hold(() => configureOf(build, context))
    const made = await buildTree(build, context)
    return { value: made, detail: work.tree.slice(0, 12) }
  })
  if (built) {
    await looks.at('zmq_has', undefined, () => checkHas(job, build, built, others, more, context))
    if (!plan.scif)
      await looks.at('symbols', undefined, () => checkSymbols(job, built, more, context))
    const log = join(job.logs, `${id}-tests.log`)
    await looks.at('tests', log, () => checkTests(job, build, built, others, more, context))
    if (job.everyCommit && !plan.others)
      await looks.at('every commit', join(job.logs, `${id}-commits-make.log`), async () => {
        const found = await buildEveryCommit(job, build, context)
        more.everyCommit = found
        const { commits, failed } = found
        const detail = `${commits} commits${failed.length > 0 ? `; ${failed.join(', ')} fails` : ''}`
        return { value: undefined, detail, failed: failed.length > 0 }
      })
  }
  const reason = whyFailed(checks)
  return {
    ...plan,
    ...{ id, release: release.release, version, tree, seriesHash, checks },
    status: reason === undefined ? 'passed' : 'failed',
    ...(reason === undefined ? {} : { reason }),
    ...more,
    milliseconds: Math.round(performance.now() - start),
  }
}

interface Look<T> {
  value: T
  detail: string
  failed?: boolean
  more?: string
}

/** Collects what was looked at; a user's error is a finding, anything else a bug. */
class Looks {
  readonly #checks: Check[]
  readonly #context: BuildContext

  constructor(checks: Check[], context: BuildContext) {
    this.#checks = checks
    this.#context = context
  }

  async at<T>(
    name: string,
    log: string | undefined,
    work: () => Promise<Look<T>>,
  ): Promise<T | undefined> {
    this.#context.progress(name)
    const known = { name, ...(log === undefined ? {} : { log }) }
    try {
      const { value, detail, failed = false, more } = await work()
      this.#checks.push({ ...known, passed: !failed, detail, ...(more ? { more } : {}) })
      return value
    } catch (error) {
      this.#context.signal.throwIfAborted()
      if (!(error instanceof UserError)) throw error
      const more = [error.details, error.hint].filter(Boolean).join('\n')
      this.#checks.push({ ...known, passed: false, detail: error.message, more })
      return undefined
    }
  }
}

function treeBuild(job: CellJob, id: string, others: OthersChoice | undefined): TreeBuild {
  const { plan, work, compilers, jobs, libscif } = job
  return {
    dir: work.workDir,
    release: work.release,
    tree: work.tree,
    buildSystem: plan.buildSystem,
    buildDir: join(dirname(work.workDir), id),
    scif: plan.scif ? libscif.choice : { kind: 'none' },
    scifKey: plan.scif ? libscif.key : 'none',
    // The one that has everything has the unit tests, too, which Autotools link statically.
    more: others ? [...others.flags, '--enable-static'] : testFlags(plan.buildSystem),
    drafts: plan.others,
    ...{ compilers, jobs },
    logBase: join(job.logs, id),
  }
}

function configureOf(build: TreeBuild, context: BuildContext): Promise<boolean> {
  const { env, signal } = context
  const options = { env: buildEnv(env), signal, timeout: 300_000 }
  return generateConfigure(
    build.dir,
    { ...options, logFile: `${build.logBase}-autogen.log` },
    context,
  )
}

/** Upstream's own source, built in the same way; made once for all cells. */
function pristineOf(
  job: CellJob,
  others: OthersChoice | undefined,
  context: BuildContext,
): Promise<{ build: TreeBuild; built: BuiltTree }> {
  return job.pristine.hold(async () => {
    const { work, plan } = job
    context.progress('upstream’s own source')
    const gitDir = join(work.workDir, '.git')
    // Side by side as the patched tree and its builds are: so ccache sees that most is the same.
    const root = `${dirname(work.workDir)}-upstream`
    const dir = await exportOnce(gitDir, work.base, join(root, 'src'), context)
    const name = `${work.release}-${plan.buildSystem}-upstream${others ? '-everything' : ''}`
    const build: TreeBuild = {
      ...treeBuild(job, name, others),
      ...{ dir, tree: job.release.tree, buildDir: join(root, name) },
      ...{ scif: { kind: 'none' }, scifKey: 'none' },
    }
    return { build, built: await buildTree(build, context) }
  })
}

async function checkHas(
  job: CellJob,
  build: TreeBuild,
  built: BuiltTree,
  others: OthersChoice | undefined,
  more: Partial<CellResult>,
  context: BuildContext,
): Promise<Look<void>> {
  const wanted = others?.capabilities ?? []
  const asked = ['scif', ...wanted, ...unasked.map((one) => one.capability)]
  const { version, has } = await askTree(built, build, asked, context)
  const wrong = [
    ...(version === job.work.version ? [] : [`zmq_version () is ${version}`]),
    ...(has.get('scif') === job.plan.scif ? [] : [`zmq_has ("scif") is ${has.get('scif')}`]),
    ...wanted.filter((name) => !has.get(name)).map((name) => `zmq_has ("${name}") is 0`),
  ]
  if (others) {
    const found = unasked.filter((one) => has.get(one.capability))
    more.with = [...others.names, ...found.map((one) => one.name)]
    const rest = unasked.filter((one) => !found.includes(one))
    more.without = [...others.missing, ...rest.map((one) => `${one.name} (${one.why})`)]
  }
  const detail = [...has].filter(([, one]) => one).map(([name]) => name)
  if (wrong.length > 0) return { value: undefined, detail: wrong.join('; '), failed: true }
  return { value: undefined, detail: detail.join(', ') || 'no scif' }
}

async function checkSymbols(
  job: CellJob,
  built: BuiltTree,
  more: Partial<CellResult>,
  context: BuildContext,
): Promise<Look<void>> {
  const pristine = await pristineOf(job, undefined, context)
  const expected = await exportedSymbols(pristine.built.library, context)
  const actual = await exportedSymbols(built.library, context)
  const { equal, detail } = compareSymbols(expected, actual)
  more.symbolsEqual = equal
  return { value: undefined, detail, failed: !equal }
}

/** The names of the test programs that the series adds for a version. */
export function ownTests(series: Series, version: string): string[] {
  return resolveSeries(series, version)
    .flatMap((entry) => entry.files)
    .flatMap((file) => /^(?:unit)?tests\/((?:unit)?test_\w+)\.cpp$/.exec(file.to)?.[1] ?? [])
}

async function checkTests(
  job: CellJob,
  build: TreeBuild,
  built: BuiltTree,
  others: OthersChoice | undefined,
  more: Partial<CellResult>,
  context: BuildContext,
): Promise<Look<void>> {
  rmSync(`${build.logBase}-tests.log`, { force: true })
  const programs = await buildPrograms(build, { ...context, env: built.env })
  const options = {
    cwd: build.buildDir,
    env: { ...built.env, SOFTSCIF_REALM: `verify-${process.pid}-${build.buildDir.length}` },
    signal: context.signal,
    logFile: `${build.logBase}-tests.log`,
    parallel: parallelTests,
    timeout: testTimeout,
    progress: context.progress,
  }
  const ran = await job.tests.hold(() => runPrograms(programs, options))
  const upstreams = await failsUpstream(job, others, ran.failures, context)
  const failures = ran.failures.filter((name) => !upstreams.includes(name))
  // Autotools have unit tests only beside a static library.
  const buildable = (name: string) => build.buildSystem === 'cmake' || !name.startsWith('unittest_')
  const own = ownTests(job.series, job.work.version).filter(
    (name) => buildable(name) && (job.plan.scif || !name.includes('scif')),
  )
  const names = programs.map(({ name }) => name)
  const notRun = own.filter((name) => !names.includes(name) || ran.skippedNames.includes(name))
  const lost = await lostTests(job, build, names, context)
  const tests: Tests = {
    passed: ran.passed,
    failed: failures.length + notRun.length + lost.length,
    skipped: programs.length - ran.passed - failures.length,
  }
  more.tests = tests
  if (ran.flaky.length > 0) more.flaky = ran.flaky
  const detail = [
    `${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped`,
    ...(failures.length > 0 ? [`failed: ${failures.join(', ')}`] : []),
    ...(notRun.length > 0 ? [`of the series and did not run: ${notRun.join(', ')}`] : []),
    ...(lost.length > 0 ? [`upstream's, and lost: ${lost.join(', ')}`] : []),
    ...(upstreams.length > 0
      ? [`fails on upstream's own source as well: ${upstreams.join(', ')}`]
      : []),
    ...(ran.flaky.length > 0 ? [`passed only by itself: ${ran.flaky.join(', ')}`] : []),
  ].join('; ')
  return { value: undefined, detail, failed: tests.failed > 0 || programs.length === 0 }
}

/** Those of the programs that fail on upstream's own source as well: no fault of the series. */
async function failsUpstream(
  job: CellJob,
  others: OthersChoice | undefined,
  failures: readonly string[],
  context: BuildContext,
): Promise<readonly string[]> {
  const own = ownTests(job.series, job.work.version)
  const candidates = failures.filter((name) => !own.includes(name))
  if (candidates.length === 0) return []
  const { build, built } = await pristineOf(job, others, context)
  const programs = await job.pristine.hold(() =>
    buildPrograms(build, { ...context, env: built.env }, candidates),
  )
  const options = {
    cwd: build.buildDir,
    env: built.env,
    signal: context.signal,
    logFile: `${build.logBase}-tests.log`,
    ...{ parallel: 1, timeout: testTimeout, progress: context.progress },
  }
  return job.tests.hold(async () => {
    const failing: string[] = []
    for (const program of programs)
      if (await failsEver(program, options, upstreamRuns)) failing.push(program.name)
    return failing
  })
}

/** Upstream's test programs that a build without scif no longer has. */
async function lostTests(
  job: CellJob,
  build: TreeBuild,
  names: readonly string[],
  context: BuildContext,
): Promise<string[]> {
  if (job.plan.scif || build.scif.kind !== 'none') return []
  const pristine = await pristineOf(job, undefined, context)
  const upstreams = await listPrograms(pristine.build, context)
  return upstreams.map(({ name }) => name).filter((name) => !names.includes(name))
}
