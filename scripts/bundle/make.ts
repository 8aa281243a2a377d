// SPDX-License-Identifier: MPL-2.0
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Place, withWorkTree } from '../series/place.ts'
import { repositoryAt } from '../series/repository.ts'
import { readStatus } from '../series/status.ts'
import { withLock } from '../system/lock.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import { type CollectOptions, collectFacts } from './collect.ts'
import { closedGates, lookAtGates } from './gates.ts'
import { borrowObjects } from './objects.ts'
import { readPrevious } from './previous.ts'
import type { BundleFacts, GateResult } from './types.ts'
import { type WrittenBundle, writeBundle } from './write.ts'

export interface MakeOptions extends Place, Omit<CollectOptions, 'status' | 'previous'> {
  release: string
  /** <out>/bundle */
  dir: string
  /** The folder of the bundle before; v<N-1> beside this one unless given. */
  previousDir: string | undefined
  waivers: ReadonlyMap<string, string>
  /** Give what can be given when the base has no history. */
  withoutHistory: boolean
}

export interface MadeBundle {
  facts: BundleFacts
  gates: readonly GateResult[]
  /** Absent when a gate is closed. */
  written?: WrittenBundle
  /** The same bytes as were there. */
  unchanged: boolean
}

/** Makes the commits, looks at the gates and, when none is closed, writes the bundle. */
export async function makeBundle(options: MakeOptions): Promise<MadeBundle> {
  const { dir, context, release } = options
  const lock = {
    wait: 60_000,
    signal: context.signal,
    busy: (pid: number) =>
      new UserError({
        message: `Another ./build bundle (process ${pid}) is at work.`,
        hint: 'Wait until it has ended, then type the command again.',
        exitCode: ExitCode.checkFailed,
      }),
  }
  return withLock(join(dir, '.lock'), lock, async () => {
    await sweep(dir)
    return withWorkTree(options, release, () => makeLocked(options))
  })
}

/** What killed runs have left. */
async function sweep(dir: string): Promise<void> {
  for (const name of await readdir(dir))
    if (/^\.objects-|^\.v\d+\.new-/.test(name))
      await rm(join(dir, name), { recursive: true, force: true })
}

async function makeLocked(options: MakeOptions): Promise<MadeBundle> {
  const { workDir, context, series, dir, release } = options
  const status = await readStatus(workDir, series, context)
  if (!status) throw new Error(`there is no work tree in ${workDir}`)
  if (status.base.imported && !options.withoutHistory) {
    throw new UserError({
      message: `The source of libzmq ${release} came without history, so the bundle can not have a base commit that upstream knows, nor a git bundle.`,
      hint: [
        'For all of it:      ./build bundle --source git:<url or path of a clone of libzmq>',
        `For the rest alone: ./build bundle --release ${release} --without-history`,
      ].join('\n'),
      exitCode: ExitCode.checkFailed,
    })
  }
  const version = `v${series.version}`
  const before = options.previousDir ?? join(dir, `v${series.version - 1}`)
  const previous = series.version > 1 ? await readPrevious(before, series.version - 1) : undefined
  const scratch = join(dir, `.objects-${process.pid}`)
  await mkdir(scratch, { recursive: true })
  try {
    const { gitDir } = repositoryAt(workDir, context.env)
    const objects = await borrowObjects(gitDir, scratch, context)
    const facts = await collectFacts(objects, { ...options, status, previous })
    const gates = lookAtGates(facts, waiversOf(options, status.base.imported))
    if (closedGates(gates).length > 0) return { facts, gates, unchanged: false }
    const target = join(dir, version)
    const sums = join(target, 'SHA256SUMS')
    const old = await readFile(sums, 'utf8').catch(() => undefined)
    const written = await writeBundle(objects, target, facts, gates, series.date)
    return { facts, gates, written, unchanged: old === (await readFile(sums, 'utf8')) }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Who asks for a bundle without history knows that there is no base. */
function waiversOf(
  { waivers, withoutHistory }: MakeOptions,
  imported: boolean,
): ReadonlyMap<string, string> {
  if (!imported || !withoutHistory) return waivers
  return new Map([['base', 'asked for without history'], ...waivers])
}
