// SPDX-License-Identifier: MPL-2.0
import { type Env, type RunResult, run, runOrFail } from './run.ts'

export interface Identity {
  name: string
  email: string
}

export interface GitOptions {
  cwd: string
  /** The caller's environment; only PATH, HOME, TMPDIR, proxies and certificates of it reach git. */
  env: Env
  author?: Identity | undefined
  committer?: Identity | undefined
  /** Author and committer date, "2026-01-01T00:00:00Z". */
  date?: string | undefined
  signal?: AbortSignal | undefined
  timeout?: number | undefined
  input?: string | undefined
  onLine?: ((line: string) => void) | undefined
  /** An index file of its own, so that a tree can be built without touching the repository's. */
  indexFile?: string | undefined
}

const passedOn = [
  'PATH',
  'HOME',
  'TMPDIR',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'all_proxy',
  'HTTPS_PROXY',
  'NO_PROXY',
  'ALL_PROXY',
  'GIT_SSL_CAINFO',
  'GIT_SSL_CAPATH',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'SSH_AUTH_SOCK',
]

/**
 * The environment in which git gives the same bytes for everybody: no user or system
 * configuration (hooks, autocrlf, diff.noprefix, signing), no prompt, no locale, no time zone.
 */
export function gitEnv(
  options: Pick<GitOptions, 'env' | 'author' | 'committer' | 'date' | 'indexFile'>,
): Env {
  const env: Record<string, string | undefined> = {}
  for (const name of passedOn) if (options.env[name] !== undefined) env[name] = options.env[name]
  Object.assign(env, {
    LC_ALL: 'C',
    TZ: 'UTC',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_EDITOR: 'true',
    GIT_PAGER: 'cat',
  })
  const author = options.author
  const committer = options.committer ?? author
  if (author) Object.assign(env, { GIT_AUTHOR_NAME: author.name, GIT_AUTHOR_EMAIL: author.email })
  if (committer)
    Object.assign(env, { GIT_COMMITTER_NAME: committer.name, GIT_COMMITTER_EMAIL: committer.email })
  if (options.date)
    Object.assign(env, { GIT_AUTHOR_DATE: options.date, GIT_COMMITTER_DATE: options.date })
  if (options.indexFile) env.GIT_INDEX_FILE = options.indexFile
  return env
}

/**
 * Runs git in that environment; an exit code other than 0 is a result. Repositories that a user
 * has edited in (the work tree) may have hooks and a configuration of their own: both are
 * switched off for the call.
 */
export function gitTry(args: readonly string[], options: GitOptions): Promise<RunResult> {
  return run(argv(args), { ...options, env: gitEnv(options) })
}

/** As gitTry, but a failure is a UserError with git's last lines; returns standard output. */
export async function git(args: readonly string[], options: GitOptions): Promise<string> {
  const result = await runOrFail(argv(args), {
    ...options,
    env: gitEnv(options),
    what: `git ${args.find((arg) => !arg.startsWith('-')) ?? ''}`,
  })
  return result.stdout
}

function argv(args: readonly string[]): string[] {
  const fixed = {
    'core.hooksPath': '/dev/null',
    'core.autocrlf': 'false',
    'core.fsmonitor': 'false',
    'core.attributesFile': '/dev/null',
    'core.excludesFile': '/dev/null',
    'core.quotePath': 'false',
    'diff.suppressBlankEmpty': 'false',
    'apply.whitespace': 'nowarn',
    'apply.ignoreWhitespace': 'no',
    'i18n.commitEncoding': 'UTF-8',
    'i18n.logOutputEncoding': 'UTF-8',
    'commit.gpgSign': 'false',
    'gc.auto': '0',
    'advice.detachedHead': 'false',
    'init.defaultBranch': 'main',
    'safe.directory': '*',
  }
  return [
    'git',
    ...Object.entries(fixed).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    ...args,
  ]
}
