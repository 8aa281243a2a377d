// SPDX-License-Identifier: MPL-2.0
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../system/run.ts'
import type { Bisection } from '../verify/bisect.ts'
import type { VerifyReport } from '../verify/report.ts'
import { buildArgv, jsonOf, must, testedRelease } from './build-script.ts'
import { Checks } from './checks.ts'
import { type Future, makeFutures } from './future.ts'
import type { Stage, StageContext } from './stage.ts'

export const verifyStages: readonly Stage[] = [
  {
    id: 'future',
    beside: true,
    title: 'verify --bisect on a libzmq of the future that moves, renames and reformats',
    floor: 7,
    minutes: 8,
    run: bisectFutures,
  },
  {
    id: 'verify',
    title: `./build verify: one build of the matrix of ${testedRelease}, remembered then`,
    floor: 5,
    minutes: 15,
    run: verifyOnce,
  },
]

/** The one build of the matrix that has the unit tests as well. */
const cell = `${testedRelease}-cmake-scif`

async function verifyOnce(context: StageContext) {
  const checks = new Checks(context)
  const { out, env, signal, logFile, progress } = context
  const summary = join(out, 'verify-summary.md')
  rmSync(summary, { force: true })
  rmSync(join(out, 'verify', 'results'), { recursive: true, force: true })
  const inGithub = { ...env, GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary }
  const options = { cwd: tmpdir(), env: inGithub, signal, logFile, onLine: progress }
  const argv = buildArgv(context, 'verify', '--cells', `^${cell}$`, '--json')
  let first: VerifyReport | undefined
  await checks.that('it applies, builds, and upstream’s and the series’ tests pass', async () => {
    const { exitCode, stdout, stderr } = await run(argv, options)
    first = jsonOf<VerifyReport>(stdout)
    must(exitCode === 0, `exit code ${exitCode}:\n${stderr.slice(-3000)}`)
    const [found] = first.cells
    must(first.cells.length === 1 && found?.id === cell, JSON.stringify(first.cells))
    must(found.status === 'passed', found.reason ?? '')
    must((found.tests?.passed ?? 0) >= 95, JSON.stringify(found.tests))
    must(!/^::error/m.test(stderr), 'there are annotations although all is well')
  })
  await checks.that('the report says of what it is', () => {
    const [release] = first?.releases ?? []
    must(release?.tree.startsWith('9f51abaa660b'), `tree ${release?.tree}`)
    must((release?.glue?.src.added ?? 0) > 50, JSON.stringify(release?.glue))
    must(
      first?.variants.some(({ verdict }) => verdict === 'needed'),
      'no variant is needed',
    )
    must(!first?.variants.some(({ verdict }) => verdict === 'unneeded'), 'a variant is unneeded')
  })
  await checks.that('JUnit and the step summary are there', () => {
    const junit = readFileSync(join(out, 'reports', 'verify', 'junit.xml'), 'utf8')
    must(junit.includes(`<testsuite name="${cell}"`), junit.slice(0, 1000))
    must(existsSync(summary), `no ${summary}`)
    must(readFileSync(summary, 'utf8').startsWith('## verify: passed'), 'it does not say passed')
  })
  await checks.that('run again it takes seconds: the result is remembered', async () => {
    const start = Date.now()
    const { exitCode, stdout } = await run(argv, options)
    const seconds = (Date.now() - start) / 1000
    must(exitCode === 0 && seconds < 60, `exit code ${exitCode} after ${seconds} s`)
    const [found] = jsonOf<VerifyReport>(stdout).cells
    must(found?.remembered !== undefined, JSON.stringify(found))
  })
  await checks.that('below 4.3.3 it says why not, and does not try', async () => {
    const old = buildArgv(context, 'verify').map((word) => word.replace(testedRelease, '4.3.2'))
    const { exitCode, stderr } = await run(old, options)
    must(exitCode === 2, `exit code ${exitCode}`)
    must(/libzmq 4\.3\.2 is not supported, because /.test(stderr), stderr)
  })
  return checks.counts()
}

async function bisectFutures(context: StageContext) {
  const checks = new Checks(context)
  const { env, signal, logFile, progress } = context
  const options = { cwd: tmpdir(), env, signal, logFile, onLine: progress }
  let futures: readonly Future[] = []
  await checks.that('200 commits each, of which one touches a place of the glue', async () => {
    futures = await makeFutures(context, 200)
    must(futures.length === 3, `only ${futures.map(({ name }) => name).join(', ')}`)
  })
  for (const future of futures) {
    const argv = (...more: string[]) => {
      const words = buildArgv(context, 'verify', '--no-build', '--json', ...more)
      const source = ['--source', `git:${future.repository}`]
      return [...words.map((word) => (word === testedRelease ? future.name : word)), ...source]
    }
    const { slug, path } = future
    await checks.that(
      `${future.name} of ${path}: the report names entry, hunk and commit`,
      async () => {
        const { exitCode, stdout } = await run(argv(), options)
        must(exitCode === 1, `exit code ${exitCode}`)
        const [release] = jsonOf<VerifyReport>(stdout).releases
        isCulprit(release?.conflict, future)
      },
    )
    await checks.that(`${future.name}: --bisect finds it without a build`, async () => {
      const { exitCode, stdout } = await run(argv('--bisect', '--good', future.good), options)
      must(exitCode === 1, `exit code ${exitCode}`)
      const found = jsonOf<Bisection>(stdout)
      must(found.stops === 'applying' && found.commits === 200, JSON.stringify(found))
      must(found.builds <= 9 && found.applied <= 12, `${found.applied} and ${found.builds}`)
      must(found.culprit?.subject === future.culprit, `${found.culprit?.subject}`)
      isCulprit(found.conflict, future)
      for (const words of [slug, path]) must(found.details?.includes(words), `no ${words}`)
    })
  }
  return checks.counts()
}

function isCulprit(conflict: Bisection['conflict'], future: Future): void {
  must(conflict?.slug === future.slug, `entry ${conflict?.slug}, not ${future.slug}`)
  const file = conflict.files.find(({ path }) => path === future.path)
  must(file, `nothing of ${future.path}`)
  must(file.culprit?.subject === future.culprit, `commit ${JSON.stringify(file.culprit)}`)
  if (future.renamedTo) must(file.renamedTo === future.renamedTo, `renamed to ${file.renamedTo}`)
  else
    must(
      file.hunks.some(({ number }) => number === 1),
      'not the first hunk',
    )
}
