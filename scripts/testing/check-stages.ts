// SPDX-License-Identifier: MPL-2.0
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CheckReport } from '../check/report.ts'
import { run } from '../system/run.ts'
import { buildArgv, jsonOf, must } from './build-script.ts'
import { Checks } from './checks.ts'
import { add, type Counts } from './counts.ts'
import { buildCmake, ctest } from './native.ts'
import type { Stage, StageContext } from './stage.ts'

/** libzmq's own tests, on the library that the stage "build-drafts" has made. */
export const checkStages: readonly Stage[] = [
  {
    id: 'rewrite',
    title: 'The library that rewrites endpoints, by itself',
    floor: 3,
    minutes: 3,
    after: ['build-drafts'],
    run: async (context) => {
      const prefix = join(context.out, 'prefix-drafts')
      const options = { ZMQ_PREFIX: prefix }
      return ctest(context, await buildCmake(context, 'native-tests/rewrite', 'rewrite', options))
    },
  },
  {
    id: 'check',
    title: "./build check: libzmq's own tests, unchanged and over scif://",
    floor: 190,
    minutes: 15,
    after: ['build-drafts'],
    run: runCheck,
  },
]

async function runCheck(context: StageContext): Promise<Counts> {
  const checks = new Checks(context)
  const { env, signal, logFile, progress } = context
  const argv = buildArgv(context, 'check', '--json')
  const options = { cwd: tmpdir(), env, signal, logFile, onLine: progress }
  const { stdout, exitCode } = await run(argv, options)
  const report = jsonOf<CheckReport>(stdout)
  const failures = (report.failures ?? []).map(
    ({ program, lane, text }) => `${program} (${lane}): ${text}`,
  )
  await checks.that('./build check ends with 0', () => {
    must(exitCode === 0, `exit code ${exitCode}`)
  })
  await checks.that('it has run at least 50 of libzmq’s programs over scif://', () => {
    const { programs = 0, calls = 0, cases = 0 } = report.scif ?? {}
    must(programs >= 50, `${programs} programs`)
    must(cases >= programs && calls >= cases, `${cases} cases, ${calls} calls`)
  })
  await checks.that('no process of it is left', async () => {
    const { stdout: processes } = await run(['ps', '-eo', 'pid,args'], { cwd: '/', env, signal })
    const left = processes.split('\n').filter((line) => line.includes(`${context.out}/build/`))
    must(left.length === 0, left.join('\n'))
  })
  return add(checks.counts(), { ...report.totals, failures })
}
