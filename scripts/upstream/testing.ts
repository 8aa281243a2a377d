// SPDX-License-Identifier: MPL-2.0

import { chmod, mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gitTry } from '../system/git.ts'
import type { Env } from '../system/run.ts'
import { UserError } from '../ui/errors.ts'
import type { Cache } from './cache.ts'
import { type FetchRequest, fetchUpstream } from './fetch.ts'
import type { Release } from './releases.ts'
import type { FetchedSource } from './types.ts'

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

/** Fails when the promise takes longer. */
export async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done in ${milliseconds} ms`)), milliseconds)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
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
  const git = async (args: readonly string[], cwd = upstream): Promise<string> => {
    const date = '2026-01-02T03:04:05Z'
    const result = await gitTry(args, { cwd, env, author: person, date, timeout: 30_000 })
    if (result.exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`)
    return result.stdout.trim()
  }
  await mkdir(home)
  await mkdir(upstream)
  await git(['init', '--quiet'])
  const known: Release[] = []
  for (const version of ['4.3.2', '4.3.4', '4.3.5', '4.3.6']) {
    await writeLibzmq(upstream, version)
    await git(['add', '--all', '--force', '.'])
    await git(['commit', '--quiet', '-m', `libzmq ${version}`])
    if (version === '4.3.6') continue
    const tag = `v${version}`
    await git(['tag', '-a', '-m', tag, tag])
    const [commit = '', tree = ''] = (await git(['rev-parse', 'HEAD', 'HEAD^{tree}'])).split('\n')
    if (version !== '4.3.2') known.unshift({ name: version, tag, commit, tree })
  }
  await git(['branch', '--move', 'master'])
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
      patience: { connect: 1_000, stall: 1_000 },
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

/** Files that a careless unpacker or a user's git configuration would change. */
async function writeLibzmq(dir: string, version: string): Promise<void> {
  const files: Record<string, string> = {
    'include/zmq.h': header(version),
    'src/zmq.cpp': `// ${version}\n`,
    'builds/dos.bat': 'echo\r\n',
    '.gitignore': '*.o\nignored.txt\n',
    'ignored.txt': 'tracked all the same\n',
    'doc/a name with blanks.txt': 'text\n',
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), text)
  }
  await writeFile(join(dir, 'autogen.sh'), '#!/bin/sh\n')
  await chmod(join(dir, 'autogen.sh'), 0o755)
}
