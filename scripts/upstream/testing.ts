// SPDX-License-Identifier: MPL-2.0

import { chmod, mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gitTry } from '../system/git.ts'
import type { Env } from '../system/run.ts'
import { within } from '../system/within.ts'
import { UserError } from '../ui/errors.ts'
import type { Cache } from './cache.ts'
import { type FetchRequest, fetchUpstream } from './fetch.ts'
import type { Release } from './releases.ts'
import type { FetchedSource } from './types.ts'

export { within }

/** A repository that looks like libzmq's, with its pins, and a cache, in a temporary folder. */
export interface Lab {
  dir: string
  env: Env
  /** The repository: tags v4.3.5, v4.3.4, branch master with a version of 4.3.6. */
  upstream: string
  /** Its pins, newest first. */
  known: Release[]
  cache: Cache
  /** What was said aloud. */
  lines: string[]
  git(args: readonly string[], cwd?: string): Promise<string>
  /** git archive of a tag, as GitHub and Debian have it; returns the path. */
  archive(tag: string, name?: string): Promise<string>
  fetch(more: Partial<FetchRequest>): Promise<FetchedSource>
  /** As fetch with --offline. */
  offline(more: Partial<FetchRequest>): Promise<FetchedSource>
}

const person = { name: 'Ada Example', email: 'ada@example.invalid' }

/** Does the work in a lab; it fails when it takes more than a minute. */
export async function inLab(work: (lab: Lab) => Promise<void>): Promise<void> {
  // A blank in the path, because an output folder may have one.
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'upstream test-')))
  const abort = new AbortController()
  try {
    const lab = await makeLab(dir, abort.signal)
    await within(60_000, work(lab))
    const left = await readdir(join(lab.cache.dir, 'tmp')).catch(() => [])
    if (left.length > 0) throw new Error(`left in tmp: ${left.join(', ')}`)
  } finally {
    abort.abort()
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** The UserError that the work ends with; anything else is a failure of the test. */
export async function userError(work: Promise<unknown> | (() => unknown)): Promise<UserError> {
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (error) {
    if (error instanceof UserError) return error
    throw error
  }
  throw new Error('expected a UserError')
}

/** Serves on a free port of the loopback while the work lasts. */
export async function serving(
  answer: RequestListener,
  work: (base: string) => Promise<void>,
): Promise<void> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** Where nobody listens: every connection is refused at once. */
export async function refusing(work: (base: string) => Promise<void>): Promise<void> {
  let base = ''
  await serving(
    () => {},
    async (free) => {
      base = free
    },
  )
  await work(base)
}

/** Programs of the test's own, in a folder for the front of PATH. */
export async function programs(dir: string, scripts: Record<string, string>): Promise<string> {
  await mkdir(dir, { recursive: true })
  for (const [name, text] of Object.entries(scripts)) {
    await writeFile(join(dir, name), `#!/bin/sh\n${text}`)
    await chmod(join(dir, name), 0o755)
  }
  return dir
}

export function header(version: string): string {
  const [major, minor, patch] = version.split('.')
  return `#define ZMQ_VERSION_MAJOR ${major}\n#define ZMQ_VERSION_MINOR ${minor}\n#define ZMQ_VERSION_PATCH ${patch}\n`
}

async function makeLab(dir: string, signal: AbortSignal): Promise<Lab> {
  const home = join(dir, 'home')
  const upstream = join(dir, 'upstream')
  const env: Env = { PATH: process.env.PATH, HOME: home, TMPDIR: dir }
  const git = async (args: readonly string[], cwd = upstream, input = ''): Promise<string> => {
    const date = '2026-01-02T03:04:05Z'
    const result = await gitTry(args, { cwd, env, author: person, date, timeout: 30_000, input })
    if (result.exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`)
    return result.stdout.trim()
  }
  await mkdir(home)
  await mkdir(upstream)
  await git(['init', '--quiet', '--initial-branch=master'])
  await git(['fast-import', '--quiet'], upstream, history())
  await git(['reset', '--quiet', '--hard', 'master'])
  const known: Release[] = []
  for (const name of ['4.3.5', '4.3.4']) {
    const tag = `v${name}`
    const ids = await git(['rev-parse', `${tag}^{commit}`, `${tag}^{tree}`])
    const [commit = '', tree = ''] = ids.split('\n')
    known.push({ name, tag, commit, tree })
  }
  const lines: string[] = []
  const cache: Cache = {
    dir: join(dir, 'out folder', 'cache'),
    env,
    signal,
    now: () => new Date(),
    line: (text) => lines.push(text),
  }
  const fetch = (more: Partial<FetchRequest>, offline = false) =>
    fetchUpstream({
      source: { kind: 'git', url: upstream },
      cacheDir: cache.dir,
      context: {
        root: dir,
        out: dirname(cache.dir),
        env,
        jobs: 1,
        offline,
        signal,
        now: cache.now,
      },
      line: cache.line,
      known,
      ...more,
    })
  return {
    ...{ dir, env, upstream, known, cache, lines, git },
    archive: async (tag, name = 'libzmq.tar.gz') => {
      const file = join(dir, name)
      const prefix = `--prefix=libzmq-${tag.slice(1)}/`
      await git(['archive', prefix, '-o', file, tag])
      return file
    },
    fetch: (more) => fetch(more),
    offline: (more) => fetch(more, true),
  }
}

/** Four commits and their tags, as git fast-import reads them; the last one has no tag. */
function history(): string {
  const stamp = `${person.name} <${person.email}> 1767323045 +0000`
  const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`
  const commit = (version: string) =>
    `commit refs/heads/master\ncommitter ${stamp}\n${data(`libzmq ${version}\n`)}${filesOf(version)
      .map(([path, text, mode]) => `M ${mode ?? '644'} inline ${path}\n${data(text)}`)
      .join('')}\n`
  const tag = (version: string) =>
    `tag v${version}\nfrom refs/heads/master\ntagger ${stamp}\n${data(`v${version}\n`)}`
  const tagged = ['4.3.2', '4.3.4', '4.3.5'].map((version) => commit(version) + tag(version))
  return `${tagged.join('')}${commit('4.3.6')}`
}

/** Files that a careless unpacker or a user's git configuration would change. */
function filesOf(version: string): [path: string, text: string, mode?: string][] {
  return [
    ['include/zmq.h', header(version)],
    ['src/zmq.cpp', `// ${version}\n`],
    ['builds/dos.bat', 'echo\r\n'],
    ['.gitignore', '*.o\nignored.txt\n'],
    ['ignored.txt', 'tracked all the same\n'],
    ['doc/a name with blanks.txt', 'text\n'],
    ['autogen.sh', '#!/bin/sh\n', '755'],
  ]
}
