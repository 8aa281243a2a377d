// SPDX-License-Identifier: MPL-2.0
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Env } from '../system/run.ts'
import { describeMachine } from '../verify/report.ts'
import type { ProveReport } from './evidence.ts'
import { provers } from './provers.ts'

export interface ProveOptions {
  /** The work tree's repository, and what is to be proven: its base and its head. */
  gitDir: string
  base: string
  head: string
  release: string
  /** Tree id of the base, and the series on it. */
  tree: string
  seriesHash: string
  edited: boolean
  /** Where include/scif.h and lib/libscif.so are. */
  scif: { kind: 'soft' | 'real'; prefix: string; version?: string }
  compiler: string
  /** A folder of its own below --out, and that of the reports. */
  dir: string
  reports: string
  /** Folders of this machine and what logs are to call them. */
  places: readonly (readonly [string, string])[]
  jobs: number
  env: Env
  signal: AbortSignal
  now: () => Date
  progress(text: string): void
  line(text: string): void
}

/** One thing that was tried. */
export type Proof = ProveReport['proofs'][number]

/**
 * Tries what no other command does: formatting, C++98, make distcheck, the manual pages. Writes
 * prove.json and the logs to the reports after each; one that passed on this very series stays.
 */
export async function prove(options: ProveOptions): Promise<ProveReport> {
  const { reports, dir } = options
  await mkdir(dir, { recursive: true })
  await mkdir(join(reports, 'prove'), { recursive: true })
  const proofs = new Map((await remembered(options)).map((proof) => [proof.name, proof]))
  for (const { name, run } of provers) {
    if (!proofs.get(name)?.passed) {
      options.progress(name)
      const logFile = join(dir, `${name}.log`)
      await writeFile(logFile, '')
      const found = await run({ ...options, logFile })
      proofs.set(name, { name, date: options.now().toISOString(), ...found })
      const log = await readFile(logFile, 'utf8')
      await writeFile(join(reports, 'prove', `${name}.log`), rename(log, options.places))
    }
    const { passed, detail } = proofs.get(name) ?? {}
    options.line(`${name}: ${passed ? 'passed' : 'failed'}, ${detail}`)
    const text = `${JSON.stringify(document(options, [...proofs.values()]), null, 2)}\n`
    await writeFile(join(reports, 'prove.json'), text)
  }
  return document(options, [...proofs.values()])
}

function rename(log: string, places: ProveOptions['places']): string {
  return places.reduce((text, [path, name]) => text.replaceAll(path, name), log)
}

function document(options: ProveOptions, proofs: readonly Proof[]): ProveReport {
  const { release, tree, seriesHash, edited, compiler, scif } = options
  return {
    schemaVersion: 1,
    command: 'bundle --prove',
    // As old as the oldest of them.
    date: proofs.map(({ date }) => date).sort()[0] ?? options.now().toISOString(),
    commands: [`./build bundle --prove --release ${release}`],
    machine: describeMachine(),
    files: proofs.map(({ name }) => `prove/${name}.log`),
    ...{ release, tree, seriesHash, edited, compiler },
    libscif: { kind: scif.kind, ...(scif.version === undefined ? {} : { version: scif.version }) },
    proofs: [...proofs],
  }
}

/** What an earlier run has found of this very series. */
async function remembered(options: ProveOptions): Promise<readonly Proof[]> {
  const text = await readFile(join(options.reports, 'prove.json'), 'utf8').catch(() => '{}')
  const old = JSON.parse(text) as Partial<ProveReport>
  const same = old.seriesHash === options.seriesHash && old.tree === options.tree
  return same && !options.edited && old.edited === false ? (old.proofs ?? []) : []
}
