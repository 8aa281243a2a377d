// SPDX-License-Identifier: MPL-2.0
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve, sep } from 'node:path'
import { gitTry } from '../system/git.ts'
import type { Env } from '../system/run.ts'
import { within } from '../system/within.ts'
import type { FetchedSource } from '../upstream/types.ts'
import { type ApplyOptions, applySeries } from './apply.ts'
import { type ExportOptions, type ExportReport, exportSeries } from './export.ts'
import { findFiles } from './inputs.ts'
import { loadSeries } from './manifest.ts'
import { type ResumeOptions, resumeSeries } from './resume.ts'
import type { AppliedTree } from './types.ts'

export { within }

/** A small libzmq, a series for it and a place for work trees, in a temporary folder. */
export interface Lab {
  dir: string
  patches: string
  transport: string
  /** Upstream: a repository with history. */
  upstream: string
  workDir: string
  env: Env
  /** Writes a file below the lab; anywhere else is a bug of the test. */
  write(path: string, content: string): Promise<void>
  read(path: string): Promise<string>
  /** Runs git, in the work tree unless told otherwise; fails the test when git fails. */
  git(args: readonly string[], cwd?: string): Promise<string>
  /** Commits everything in upstream; gives the source of that commit. */
  release(message: string, release: string, version: string): Promise<FetchedSource>
  apply(source: FetchedSource, more?: Partial<ApplyOptions>): Promise<AppliedTree>
  resume(
    action: ResumeOptions['action'],
    more?: Partial<ResumeOptions>,
  ): Promise<AppliedTree | undefined>
  export(more?: Partial<ExportOptions>): Promise<ExportReport>
  /** Everything in patches/ and libzmq-ext/transport, by path. */
  project(): Promise<Record<string, string>>
}

const identity = { name: 'Ada Example', email: 'ada@example.invalid' }
const date = '2026-01-02T03:04:05Z'

/** Does the work in a lab; whatever comes of it, the folder is gone afterwards. */
export async function inLab(work: (lab: Lab) => Promise<void>): Promise<void> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'series-test-')))
  try {
    const lab = await makeLab(dir)
    await within(180_000, work(lab))
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** The error that the work ends with; it is a failure of the test when there is none. */
export async function failureOf(
  work: Promise<unknown>,
): Promise<Error & { hint?: string; details?: string; exitCode?: number }> {
  return work.then(
    () => {
      throw new Error('expected it to fail')
    },
    (error) => error,
  )
}

/** Lines "<prefix> 1" to "<prefix> n". */
export function numbered(prefix: string, count: number): string {
  return Array.from({ length: count }, (_, i) => `${prefix} ${i + 1}\n`).join('')
}

async function makeLab(dir: string): Promise<Lab> {
  const inside = (path: string): string => {
    const full = resolve(dir, path)
    if (!`${full}${sep}`.startsWith(`${dir}${sep}`)) throw new Error(`${path} is outside the lab`)
    return full
  }
  // A home of its own, so that the configuration of whoever runs the tests stays out of it.
  const env: Env = { PATH: process.env.PATH, HOME: join(dir, 'home') }
  const git = async (args: readonly string[], cwd = 'work/libzmq-4.3.5'): Promise<string> => {
    const folder = inside(cwd)
    const options = { cwd: folder, env, author: identity, date, timeout: 30_000 }
    // Named outright, so that git never searches above the lab.
    const where = [`--git-dir=${join(folder, '.git')}`, `--work-tree=${folder}`]
    const result = await gitTry([...where, ...args], options)
    if (result.exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`)
    return result.stdout
  }
  const lab: Lab = {
    dir,
    env,
    git,
    patches: join(dir, 'project', 'patches'),
    transport: join(dir, 'project', 'libzmq-ext', 'transport'),
    upstream: join(dir, 'upstream'),
    workDir: join(dir, 'work', 'libzmq-4.3.5'),
    write: async (path, content) => {
      await mkdir(dirname(inside(path)), { recursive: true })
      await writeFile(inside(path), content)
    },
    read: (path) => readFile(inside(path), 'utf8'),
    release: async (message, release, version) => {
      await git(['add', '--all', '--force', '.'], 'upstream')
      await git(['commit', '--quiet', '--allow-empty', '-m', message], 'upstream')
      const rev = async (name: string): Promise<string> =>
        (await git(['rev-parse', name], 'upstream')).trim()
      const commit = await rev('HEAD')
      const known = { release, version, tree: await rev('HEAD^{tree}'), commit }
      return { ...known, route: 'git', cached: false, dir: lab.upstream, passedOver: [] }
    },
    apply: async (source, more = {}) =>
      applySeries({
        source,
        series: await loadSeries(lab.patches, lab.transport),
        workDir: lab.workDir,
        context: { env, signal: new AbortController().signal },
        ...more,
      }),
    resume: async (action, more = {}) =>
      resumeSeries({
        series: await loadSeries(lab.patches, lab.transport),
        workDir: lab.workDir,
        release: '4.3.5',
        context: { env, signal: new AbortController().signal },
        action,
        ...more,
      }),
    export: async (more = {}) =>
      exportSeries({
        series: await loadSeries(lab.patches, lab.transport),
        workDir: lab.workDir,
        release: '4.3.5',
        context: { env, signal: new AbortController().signal },
        ...more,
      }),
    project: async () => {
      const root = join(dir, 'project')
      const found = [...(await findFiles(root, root)).values()]
      const content = found.map(async ({ label, path }) => [label, await readFile(path, 'utf8')])
      return Object.fromEntries(await Promise.all(content))
    },
  }
  await mkdir(join(dir, 'home'))
  await mkdir(lab.upstream)
  await git(['init', '--quiet'], 'upstream')
  return lab
}

/** Fills the lab with a libzmq of three files and a series of two entries. */
export async function standardSeries(lab: Lab): Promise<FetchedSource> {
  await lab.write('upstream/src/socket_base.cpp', numbered('socket line', 40))
  await lab.write('upstream/src/zmq.cpp', numbered('zmq line', 20))
  await lab.write('upstream/CMakeLists.txt', numbered('cmake line', 30))
  await lab.write('project/libzmq-ext/transport/src/scif_address.cpp', 'address\n')
  await lab.write('project/libzmq-ext/transport/tests/test_scif.cpp', 'test\n')
  await lab.write('project/patches/hook.patch', addLine('src/socket_base.cpp', 'socket line', 10))
  await lab.write('project/patches/build.patch', addLine('CMakeLists.txt', 'cmake line', 5))
  await lab.write('project/patches/series.yaml', standardManifest)
  return lab.release('release', '4.3.5', '4.3.5')
}

export const standardManifest = `schemaVersion: 1
name: scif
version: 1
supports: ">=4.3.3"
author: { name: Ada Example, email: ada@example.invalid }
date: "2026-01-01T00:00:00Z"
entries:
  # The hook comes first.
  - slug: hook
    message: |
      Problem: sockets do not know scif

      Solution: tell them.
    patch: hook.patch
    files:
      - src/scif_address.cpp
  - slug: build
    message: |
      Problem: nothing builds scif

      Solution: build it.
    patch: build.patch
    files:
      - tests/test_scif.cpp
`

/** A patch that adds "<added>" behind line `at` of numbered lines. */
export function addLine(path: string, prefix: string, at: number, added = 'scif here'): string {
  const context = (n: number): string => ` ${prefix} ${n}\n`
  const before = [at - 2, at - 1, at].map(context).join('')
  const after = [at + 1, at + 2, at + 3].map(context).join('')
  return [
    `diff --git a/${path} b/${path}\n`,
    `--- a/${path}\n`,
    `+++ b/${path}\n`,
    `@@ -${at - 2},6 +${at - 2},7 @@\n`,
    `${before}+${added}\n${after}`,
  ].join('')
}
