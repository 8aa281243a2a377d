// SPDX-License-Identifier: MPL-2.0
import { resolve } from 'node:path'
import type { Context } from '../system/context.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import { parseSource } from '../upstream/source.ts'
import type { SourceSpec } from '../upstream/types.ts'
import type { BuildSystem, CommandOption, GlobalOptions, ScifSpec } from './command.ts'

/** What every command takes. */
export const globalOptions: readonly CommandOption[] = [
  {
    flag: '--release <4.3.5|master|ref>',
    describe: 'Which libzmq (default: the newest supported)',
  },
  {
    flag: '--source <route>',
    describe: 'auto, github, git:<url or path>, debian, dir:<path> (default: auto)',
  },
  { flag: '--scif <which>', describe: 'Which libscif: auto, soft, or its prefix (default: auto)' },
  { flag: '--build-system <name>', describe: 'autotools or cmake (default: autotools)' },
  { flag: '--out <dir>', describe: 'Where everything is written (default: out)' },
  { flag: '-j, --jobs <n>', describe: 'Parallel jobs of a build (default: one per processor)' },
  { flag: '--offline', describe: 'Never touch the network' },
  { flag: '-y, --yes', describe: 'Install missing system packages without asking' },
  { flag: '--dry-run', describe: 'Print what would be done, and do nothing' },
  { flag: '--json', describe: 'Print one JSON document instead of the table' },
  { flag: '-q, --quiet', describe: 'Print no steps, only the result' },
  { flag: '--verbose', describe: 'Print every line of what the steps say' },
]

export interface OptionsAndContext {
  options: GlobalOptions
  context: Pick<Context, 'out' | 'jobs' | 'offline'>
}

/** Checks the values of the global options; the first wrong one is a UserError with exit code 2. */
export function readGlobalOptions(
  values: Readonly<Record<string, string | true>>,
  defaults: { cwd: string; root: string; processors: number },
): OptionsAndContext {
  const text = (name: string): string | undefined =>
    typeof values[name] === 'string' ? values[name] : undefined
  const release = text('release')
  const out = text('out')
  if (values.quiet && values.verbose)
    throw wrong('--quiet and --verbose exclude each other.', 'Give one of them.')
  return {
    options: {
      ...(release === undefined ? {} : { release: parseRelease(release) }),
      source: readSource(text('source') ?? 'auto', defaults.cwd),
      scif: parseScif(text('scif') ?? 'auto', defaults.cwd),
      buildSystem: parseBuildSystem(text('build-system') ?? 'autotools'),
      yes: values.yes === true,
      dryRun: values['dry-run'] === true,
      json: values.json === true,
      quiet: values.quiet === true,
      verbose: values.verbose === true,
    },
    context: {
      out: out === undefined ? resolve(defaults.root, 'out') : resolve(defaults.cwd, out),
      jobs: parseJobs(text('jobs'), defaults.processors),
      offline: values.offline === true,
    },
  }
}

/** "v4.3.5" and "4.3.5" are the same release; anything that could be a git ref is let through. */
export function parseRelease(text: string): string {
  if (!/^[A-Za-z0-9][\w./@^~+-]*$/.test(text) || text.includes('..'))
    throw wrong(
      `--release ${JSON.stringify(text)} is neither a release nor a git ref.`,
      'Give a release such as 4.3.5, master, or a tag, branch or commit of the git route.',
    )
  return text.replace(/^v(?=\d+\.\d+\.\d+$)/, '')
}

function readSource(text: string, cwd: string): SourceSpec {
  try {
    return parseSource(text, cwd)
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw wrong(`--source ${JSON.stringify(text)} is not a route: ${error.message}`, error.hint)
  }
}

export function parseScif(text: string, cwd: string): ScifSpec {
  if (text === 'auto' || text === 'soft') return { kind: text }
  return { kind: 'prefix', path: resolve(cwd, text) }
}

export function parseBuildSystem(text: string): BuildSystem {
  if (text === 'autotools' || text === 'cmake') return text
  throw wrong(`--build-system ${JSON.stringify(text)} is not known.`, 'Give autotools or cmake.')
}

export function parseJobs(text: string | undefined, processors: number): number {
  if (text === undefined) return Math.max(1, processors)
  const jobs = Number(text)
  if (!/^\d+$/.test(text) || jobs < 1 || jobs > 1024)
    throw wrong(
      `--jobs ${JSON.stringify(text)} is not a number from 1 to 1024.`,
      'For example: --jobs 4',
    )
  return jobs
}

function wrong(message: string, hint: string): UserError {
  return new UserError({ message, hint, exitCode: ExitCode.usage })
}
