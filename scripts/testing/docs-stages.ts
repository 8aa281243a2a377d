// SPDX-License-Identifier: MPL-2.0
import { appendFileSync, chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, tail } from '../system/run.ts'
import { which } from '../toolchain/detect.ts'
import { testedRelease } from './build-script.ts'
import { Checks } from './checks.ts'
import type { Counts } from './counts.ts'
import { type Block, blocksOf, readMarkdown } from './markdown.ts'
import type { Stage, StageContext } from './stage.ts'

/** What README and docs tell people to type, typed. */
export const docsStages: readonly Stage[] = [
  {
    id: 'docs',
    beside: true,
    title: 'The commands of README and docs',
    floor: 8,
    minutes: 8,
    after: ['build'],
    run: docsStage,
  },
]

/** These take minutes and have stages of their own: here it is seen that they would be accepted. */
const slow = ['perf', 'verify', 'check', 'bundle']
/** Milliseconds for one block. */
const timeout = 240_000

async function docsStage(context: StageContext): Promise<Counts> {
  const checks = new Checks(context)
  const { root, env, signal, logFile } = context
  const place = makePlace(context)
  let skipped = 0
  const files = readMarkdown(root).filter(
    ({ path }) => path === 'README.md' || /^docs\/[\w-]+\.md$/.test(path),
  )
  for (const block of files.flatMap(blocksOf).filter(({ info }) => /^sh\b/.test(info))) {
    const name = `${block.path}:${block.line}: ${block.text.split('\n')[0]}`
    const why = whyNot(block, context)
    if (why) {
      appendFileSync(logFile, `ok - ${name} # SKIP ${why}\n`)
      skipped++
      continue
    }
    await checks.that(name, async () => {
      const script = `set -e -o pipefail\n${block.text}`
      const result = await run(['bash', '-c', script], {
        cwd: place,
        env,
        signal,
        logFile,
        timeout,
      })
      if (result.timedOut) throw new Error(`did not end within ${timeout / 1000} s`)
      if (result.exitCode !== 0)
        throw new Error(`exit code ${result.exitCode}\n${tail(result.stdout + result.stderr)}`)
    })
  }
  return { ...checks.counts(), skipped }
}

/** Why a block cannot be executed here: the mark behind its fence says what it needs. */
function whyNot({ info }: Block, { env }: StageContext): string | undefined {
  const [, needs] = /\bneeds=(\w+)/.exec(info) ?? []
  if (needs === undefined) return undefined
  if (needs === 'cross') {
    const programs = ['aarch64-linux-gnu-g++', 'qemu-aarch64']
    const missing = programs.filter((program) => !which(program, env))
    return missing.length > 0 ? `${missing.join(' and ')} not installed` : undefined
  }
  return needs === 'card' ? 'needs a Xeon Phi' : `needs ${needs}`
}

/**
 * A folder that looks like the project's, in which ./build builds what the tests build, and
 * ./test only lists its stages: this is part of a run of it.
 */
function makePlace({ root, out, jobs, offline }: StageContext): string {
  const place = join(out, 'docs-place')
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  for (const name of ['libzmq-ext', 'native-tests', 'patches', 'docs', 'scripts'])
    symlinkSync(join(root, name), join(place, name))
  symlinkSync(out, join(place, 'out'))
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
  const common = ['--release', testedRelease, '--out', out, '--jobs', String(jobs), '--yes']
  if (offline) common.push('--offline')
  const script = (name: string, lines: string[]) => {
    writeFileSync(join(place, name), `#!/bin/sh\n${lines.join('\n')}\n`)
    chmodSync(join(place, name), 0o755)
  }
  script('build', [
    'case " $* " in',
    `*" ${slow.join(' "*|*" ')} "*) set -- "$@" --dry-run ;;`,
    'esac',
    'case " $* " in *" --scif "*) ;; *) set -- "$@" --scif soft ;; esac',
    `exec ${quote(join(root, 'build'))} "$@" ${common.map(quote).join(' ')}`,
  ])
  script('test', [
    'case " $* " in *" --list "*) ;; *) set -- "$@" --list ;; esac',
    `exec ${quote(join(root, 'test'))} "$@"`,
  ])
  return place
}
