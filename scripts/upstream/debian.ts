// SPDX-License-Identifier: MPL-2.0
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Env, type RunResult, run, tail } from '../system/run.ts'
import { sourcesFromDeb822, sourcesFromList } from './apt-sources.ts'
import { sha256OfFile, unpack } from './archive.ts'
import { throwIfFull } from './disk-error.ts'
import type { Patience } from './download.ts'
import type { Release } from './releases.ts'
import { mismatch, type Route, RouteFailure } from './route.ts'

interface DebianOptions {
  env: Env
  signal: AbortSignal
  patience: Patience
  progress?: ((text: string) => void) | undefined
  /** An empty folder of this run for the private apt root; the caller removes it in the end. */
  root: string
}

const sourcePackage = 'zeromq3'

/**
 * libzmq's source package from the archives that this machine's apt already uses (Debian's or a
 * derivative's), through apt itself in a private apt root: no root needed, nothing of the
 * system's state touched, signatures checked against the machine's own keys.
 */
export function debianRoute(options: DebianOptions): Route {
  let versions: Promise<string[]> | undefined
  return {
    name: 'debian',
    plan: (release) =>
      `apt-get source --download-only ${sourcePackage} (${release.name}) in a private apt root`,
    async deliver(release, temp) {
      versions ??= openRoot(options)
      const version = (await versions).find((one) => upstreamVersion(one) === release.name)
      if (version === undefined) {
        const there = (await versions).join(', ')
        throw new RouteFailure(
          'release',
          `the machine's apt archives have ${there} of it, not this`,
        )
      }
      return downloadOrig(options, release, version, temp)
    },
  }
}

async function downloadOrig(
  options: DebianOptions,
  release: Release,
  version: string,
  temp: string,
) {
  const what = `${sourcePackage}=${version}`
  options.progress?.(`apt-get source ${what}`)
  const args = ['-qq', 'source', '--download-only', '--tar-only', what]
  const result = await apt(options, 'apt-get', args, temp)
  const archive = (await readdir(temp)).find((name) => /\.orig\.tar\.[a-z0-9]+$/.test(name))
  if (result.exitCode !== 0 || archive === undefined) {
    throw new RouteFailure('release', `apt-get source ${what} failed (${lastWords(result)})`)
  }
  const file = join(temp, archive)
  const sha256 = await sha256OfFile(file)
  if (release.debianSha256 !== undefined && release.debianSha256 !== sha256) {
    throw mismatch(`${archive} of ${what}`, 'sha256', release.debianSha256, sha256)
  }
  const dir = await unpack(file, join(temp, 'unpacked'), options)
  return { dir, from: `Debian source package ${sourcePackage} ${version}`, sha256 }
}

/** Sets the private apt root up and returns the versions of the source package. */
async function openRoot(options: DebianOptions): Promise<string[]> {
  const { root } = options
  options.progress?.('reading the package index')
  for (const dir of ['parts', 'lists/partial', 'cache/archives/partial']) {
    await mkdir(join(root, dir), { recursive: true })
  }
  if ((await writeSources(options)) === 0) {
    throw new RouteFailure('route', "this machine's apt configuration names no archive")
  }
  await writeFile(join(root, 'apt.conf'), configuration(root, options.patience))
  const update = await apt(options, 'apt-get', ['-qq', 'update'], root)
  // Archives of third parties may have no sources or be down; what counts is what was found.
  const shown = await apt(options, 'apt-cache', ['showsrc', '--only-source', sourcePackage], root)
  const versions = [...shown.stdout.matchAll(/^Version: (\S+)$/gm)].map((match) => match[1] ?? '')
  if (versions.length > 0) return [...new Set(versions)]
  const why = update.exitCode === 0 ? `no source package ${sourcePackage}` : lastWords(update)
  throw new RouteFailure('route', `the machine's apt archives did not help (${why})`)
}

/** Writes the machine's own sources as deb-src; returns how many files of them there are. */
async function writeSources(options: DebianOptions): Promise<number> {
  const keys = ['Dir::Etc::sourcelist/f', 'Dir::Etc::sourceparts/d']
  const asked = await run(['apt-config', 'shell', 'LIST', keys[0] ?? '', 'PARTS', keys[1] ?? ''], {
    cwd: options.root,
    env: { ...options.env, LC_ALL: 'C' },
    signal: options.signal,
  })
  options.signal.throwIfAborted()
  if (asked.exitCode !== 0) throw new RouteFailure('route', 'this machine has no apt-get')
  const answer = (name: string) => new RegExp(`^${name}='(.*)'$`, 'm').exec(asked.stdout)?.[1] ?? ''
  const parts = answer('PARTS')
  const names = (await readdir(parts || '.').catch(() => [])).sort()
  const files = [answer('LIST'), ...names.map((name) => join(parts, name))]
  let written = 0
  for (const file of files) {
    const kind = /\.(list|sources)$/.exec(file)?.[1]
    if (kind === undefined) continue
    const text = await readFile(file, 'utf8').catch(() => '')
    const sources = kind === 'list' ? sourcesFromList(text) : sourcesFromDeb822(text)
    if (sources === '') continue
    await writeFile(join(options.root, 'parts', `${written++}.${kind}`), sources, { mode: 0o600 })
  }
  return written
}

function configuration(root: string, patience: Patience): string {
  // apt has one time-out for connecting and for stalls.
  const seconds = Math.ceil((2 * patience.connect) / 1000)
  return `Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "${root}/parts/";
Dir::State::lists "${root}/lists/";
Dir::Cache "${root}/cache/";
APT::Sandbox::User "root";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Acquire::Languages "none";
Acquire::Retries "0";
Acquire::http::Timeout "${seconds}";
Acquire::https::Timeout "${seconds}";
Acquire::ftp::Timeout "${seconds}";
`
}

async function apt(
  options: DebianOptions,
  program: 'apt-get' | 'apt-cache',
  args: readonly string[],
  cwd: string,
): Promise<RunResult> {
  const result = await run([program, '-c', join(options.root, 'apt.conf'), ...args], {
    cwd,
    env: { ...options.env, LC_ALL: 'C' },
    signal: options.signal,
    timeout: 180_000,
  })
  options.signal.throwIfAborted()
  throwIfFull(result.stderr)
  return result
}

/** "4.3.4" of "4.3.4-6", of "1:4.3.4-6+deb12u1"; a repacked source keeps its suffix and fits no release. */
function upstreamVersion(version: string): string {
  return version.replace(/^\d+:/, '').replace(/-[^-]*$/, '')
}

function lastWords(result: RunResult): string {
  if (result.timedOut) return 'it took too long'
  const errors = result.stderr.split('\n').filter((line) => line.startsWith('E:'))
  return tail(errors.join('\n') || result.stderr, 1) || `exit code ${result.exitCode}`
}
