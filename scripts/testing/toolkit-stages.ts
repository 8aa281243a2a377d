// SPDX-License-Identifier: MPL-2.0
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, tail } from '../system/run.ts'
import { add, type Counts, failure, nothing, parseUvu } from './counts.ts'
import type { Stage, StageContext } from './stage.ts'

/** The toolkit's own code: types, style, tests. */
export const toolkitStages: readonly Stage[] = [
  {
    id: 'typecheck',
    beside: true,
    title: 'Types: tsc',
    floor: 1,
    minutes: 5,
    run: (context) => oneProgram(['node', 'node_modules/typescript/bin/tsc', '-p', '.'], context),
  },
  {
    id: 'lint',
    beside: true,
    title: 'Style and mistakes: biome',
    floor: 1,
    minutes: 5,
    run: (context) =>
      oneProgram(['node', 'node_modules/@biomejs/biome/bin/biome', 'check', '.'], context),
  },
  {
    id: 'toolkit',
    beside: true,
    title: "The toolkit's tests: uvu",
    floor: 418,
    minutes: 15,
    run: toolkitTests,
  },
]

async function oneProgram(argv: string[], context: StageContext): Promise<Counts> {
  const { root, env, signal, logFile } = context
  const result = await run(argv, { cwd: root, env: { ...env, NO_COLOR: '1' }, signal, logFile })
  if (result.exitCode === 0) return { passed: 1, failed: 0, skipped: 0, failures: [] }
  return failure(`${argv[1]?.split('/').at(-1)}:\n${tail(result.stdout + result.stderr, 15)}`)
}

/**
 * uvu over scripts/, in two processes: the tests wait for git and for others most of the time. A file
 * that does not run, or that runs some of its tests only, is a failure.
 */
async function toolkitTests(context: StageContext): Promise<Counts> {
  const files = testFiles(join(context.root, 'scripts'))
  const faults = findSilentTests(join(context.root, 'scripts'))
  if (faults.length > 0) return { passed: 0, failed: faults.length, skipped: 0, failures: faults }
  const halves = [0, 1].map((half) => files.filter((_, index) => index % 2 === half))
  return (await Promise.all(halves.map((half) => uvu(half, context)))).reduce(add, nothing)
}

async function uvu(files: readonly string[], context: StageContext): Promise<Counts> {
  const { root, env, signal, logFile, progress } = context
  const pattern = `^(${files.map((file) => file.replaceAll('.', '\\.')).join('|')})$`
  const argv = ['--import', 'tsx', 'node_modules/uvu/bin.js', 'scripts', pattern]
  const result = await run([process.execPath, ...argv], {
    cwd: root,
    env: { ...env, NO_COLOR: '1', FORCE_COLOR: undefined },
    signal,
    logFile,
    onLine: progress,
  })
  return parseUvu(result.stdout, result.exitCode)
}

function testFiles(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
}

/** Test files that uvu would pass over without a word. */
export function findSilentTests(dir: string): string[] {
  return testFiles(dir).flatMap((name) => {
    const text = readFileSync(join(dir, name), 'utf8')
    const suites = [...text.matchAll(/^(?:const|let) (\w+) = suite\b/gm)].map((m) => m[1] ?? '')
    const names = /^import \{[^}]*\btest\b[^}]*\} from 'uvu'/m.test(text)
      ? ['test', ...suites]
      : suites
    const notRun = names.filter((each) => !new RegExp(`^${each}\\.run\\(\\)`, 'm').test(text))
    return [
      ...notRun.map((each) => `${name}: ${each}.run() is not called`),
      ...(/^\s*\w+\.only\(/m.test(text) ? [`${name}: has .only()`] : []),
      ...(names.length === 0 ? [`${name}: has no test`] : []),
    ]
  })
}
