// SPDX-License-Identifier: MPL-2.0
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { gitTry } from '../system/git.ts'
import { withLock } from '../system/lock.ts'
import { type RunResult, tail } from '../system/run.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import { type Cache, withTemp } from './cache.ts'
import { throwIfFull } from './disk-error.ts'
import { type Patience, probe } from './download.ts'
import { RouteFailure } from './route.ts'
import { isUrl, withoutSecret } from './source.ts'

/** A bare repository below <out>/cache/git that holds what a URL or path has. */
export interface Mirror {
  gitDir: string
  /** The commit id that was asked for. */
  commit: string
  /** True when nothing was fetched for it. */
  cached: boolean
}

export interface MirrorOptions {
  cache: Cache
  /** A URL, or an absolute path. */
  url: string
  offline: boolean
  patience: Patience
  progress?: ((text: string) => void) | undefined
}

/** Where a ref may change from one day to the next, so that the mirror has to be brought up to date. */
const moving = ['refs/heads/', 'refs/remotes/']
const refspecs = [...moving, 'refs/tags/'].map((refs) => `+${refs}*:${refs}*`)
// The remote's HEAD; outside of the namespaces that are pruned.
const headRef = 'refs/mirror/HEAD'

/** The mirror's folder for a URL or path; the name says what is in it. */
export function mirrorDir(cache: Cache, url: string): string {
  const key = url.replace(/\/+$/, '')
  const name = basename(key)
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .replace(/\.git$/, '')
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 12)
  return join(cache.dir, 'git', `${name || 'repo'}-${hash}.git`)
}

/**
 * Finds a ref or commit id in the mirror of `url`. The mirror is made when it is missing, and
 * brought up to date when it lacks the ref, or when the ref is a branch.
 */
export async function mirrorOf(options: MirrorOptions, ref: string): Promise<Mirror> {
  const { cache, url } = options
  const gitDir = mirrorDir(cache, url)
  const known = existsSync(gitDir) ? await resolveRef(cache, gitDir, ref) : undefined
  const local = !isUrl(url)
  const mayFetch = local || !options.offline
  if (known && (!known.moves || !mayFetch)) return { gitDir, commit: known.commit, cached: true }
  if (!mayFetch) {
    const what = existsSync(gitDir) ? `has no "${ref}"` : 'is not there'
    throw new RouteFailure('release', `the mirror of ${withoutSecret(url)} ${what}`)
  }
  const lock = `${gitDir}.lock`
  const waiting = (pid: number) =>
    cache.line(`waiting for process ${pid}, which fetches ${withoutSecret(url)} too`)
  const busy = (pid: number) => tooLong(lock, pid)
  return withLock(lock, { wait: 600_000, signal: cache.signal, busy, waiting }, async () => {
    // Another run may have made it meanwhile.
    const met = existsSync(gitDir) ? await resolveRef(cache, gitDir, ref) : undefined
    if (met && !met.moves) return { gitDir, commit: met.commit, cached: known !== undefined }
    await probeUrl(options)
    await update(options, gitDir, ref)
    const found = await resolveRef(cache, gitDir, ref)
    if (found) return { gitDir, commit: found.commit, cached: false }
    throw new RouteFailure('release', `${withoutSecret(url)} has no "${ref}"`)
  })
}

function tooLong(lock: string, pid: number): UserError {
  return new UserError({
    message: `Process ${pid} has been holding ${lock} for more than ten minutes.`,
    hint: `Wait for it to end. If it runs on no machine that shares this folder: rm ${lock}`,
    exitCode: ExitCode.source,
  })
}

/** The mirror, if any, that has the commit. */
export async function mirrorWith(cache: Cache, commit: string): Promise<string | undefined> {
  const names = await readdir(join(cache.dir, 'git')).catch(() => [])
  for (const name of names.filter((one) => one.endsWith('.git')).sort()) {
    const gitDir = join(cache.dir, 'git', name)
    if ((await tryIn(cache, gitDir, ['cat-file', '-e', `${commit}^{commit}`])).exitCode === 0)
      return gitDir
  }
  return undefined
}

/** What a ref means in a mirror, in git's own order; "4.3.6" also finds the tag v4.3.6. */
async function resolveRef(
  cache: Cache,
  gitDir: string,
  ref: string,
): Promise<{ commit: string; moves: boolean } | undefined> {
  const names =
    ref === 'HEAD'
      ? [headRef]
      : ref.startsWith('refs/')
        ? [ref]
        : ['tags/', 'heads/', 'remotes/', 'tags/v'].map((refs) => `refs/${refs}${ref}`)
  if (/^[0-9a-f]{7,40}$/.test(ref)) names.push(ref)
  for (const name of names) {
    const args = ['rev-parse', '--verify', '--quiet', `${name}^{commit}`]
    const { exitCode, stdout } = await tryIn(cache, gitDir, args)
    if (exitCode !== 0) continue
    const fixed = name === ref ? !name.startsWith('refs/') : name.startsWith('refs/tags/')
    return { commit: stdout.trim(), moves: !fixed }
  }
  return undefined
}

async function update(options: MirrorOptions, gitDir: string, ref: string): Promise<void> {
  const { cache, url } = options
  options.progress?.(`git fetch ${withoutSecret(url)}`)
  if (existsSync(gitDir) && (await fetchAll(options, gitDir, ref)).exitCode === 0) return
  // New, or a mirror that a killed run has left in a state that git does not get out of.
  await withTemp(cache, async (temp) => {
    const made = join(temp, 'mirror.git')
    await mkdir(made)
    await tryIn(cache, made, ['init', '--quiet', '--bare', '--template='])
    const result = await fetchAll(options, made, ref)
    if (result.exitCode !== 0) {
      const said = tail(result.stderr, 1) || `exit code ${result.exitCode}`
      throw new RouteFailure('route', `git fetch of ${withoutSecret(url)} failed (${said})`)
    }
    if (existsSync(gitDir)) await rename(gitDir, join(temp, 'old.git'))
    await rename(made, gitDir)
  })
}

/** Fetches branches and tags, then what `ref` needs beyond them; the latter may not be there. */
async function fetchAll(options: MirrorOptions, gitDir: string, ref: string): Promise<RunResult> {
  const result = await fetchInto(options, gitDir, ['--prune', '--update-shallow', ...refspecs])
  if (result.exitCode !== 0) return result
  const { cache } = options
  if (ref === 'HEAD') {
    await fetchInto(options, gitDir, [`+HEAD:${headRef}`])
  } else if (ref.startsWith('refs/')) {
    await fetchInto(options, gitDir, [`+${ref}:${ref}`])
  } else if (/^[0-9a-f]{40}$/.test(ref) && !(await resolveRef(cache, gitDir, ref))) {
    // A commit that no branch has, such as one of a pull request.
    await fetchInto(options, gitDir, [`+${ref}:refs/mirror/${ref}`])
  }
  return result
}

function fetchInto(
  options: MirrorOptions,
  gitDir: string,
  args: readonly string[],
): Promise<RunResult> {
  const { cache, url } = options
  const flags = args.filter((arg) => arg.startsWith('--'))
  const specs = args.slice(flags.length)
  return tryIn(cache, gitDir, [
    ...['-c', 'http.lowSpeedLimit=1000', '-c', 'http.lowSpeedTime=30'],
    ...['-c', 'core.sshCommand=ssh -o BatchMode=yes -o ConnectTimeout=5'],
    ...['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', ...flags],
    // The repository may belong to another user; it was named on the command line.
    ...(isUrl(url) ? [] : ['--upload-pack=git -c safe.directory=* upload-pack']),
    ...['--', url, ...specs],
  ])
}

/** git itself waits for minutes on a network that swallows packets. */
async function probeUrl(options: MirrorOptions): Promise<void> {
  const { cache, url, patience } = options
  if (!isUrl(url)) {
    if (existsSync(url)) return
    throw new RouteFailure('route', `there is no ${url}`)
  }
  const ports: Record<string, number> = { 'https:': 443, 'http:': 80, 'git:': 9418 }
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const port = parsed && (Number(parsed.port) || ports[parsed.protocol])
  const proxied = ['http_proxy', 'https_proxy', 'all_proxy'].some(
    (name) => cache.env[name] ?? cache.env[name.toUpperCase()],
  )
  if (!parsed || !port || proxied || !(parsed.protocol in ports)) return
  await probe(parsed.hostname, port, { patience, signal: cache.signal })
}

async function tryIn(cache: Cache, gitDir: string, args: readonly string[]): Promise<RunResult> {
  const result = await gitTry([`--git-dir=${gitDir}`, ...args], {
    cwd: gitDir,
    env: cache.env,
    signal: cache.signal,
    timeout: 900_000,
  })
  cache.signal.throwIfAborted()
  throwIfFull(result.stderr)
  return result
}
