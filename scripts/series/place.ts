// SPDX-License-Identifier: MPL-2.0
import { readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Context } from '../system/context.ts'
import { isGone } from '../system/identity.ts'
import { withLock } from '../system/lock.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { Repository } from './repository.ts'

/** Where to work, and how to talk about it. */
export interface Place {
  workDir: string
  context: Pick<Context, 'env' | 'signal'>
  /** How long to wait for another run on the same work tree, in milliseconds; a minute. */
  patience?: number
  /** Takes what is worth a line of its own. */
  line?: (text: string) => void
}

/** <out>/work/libzmq-<release>; a ref's "/" becomes "-". */
export function workDirOf(out: string, release: string): string {
  return join(out, 'work', `libzmq-${release.replaceAll('/', '-')}`)
}

/** The lock of a work tree; beside it, because it may not be there yet. */
export function lockOf(workDir: string): string {
  return join(dirname(workDir), `.${basename(workDir)}.lock`)
}

/** Does the work while no other run is at work on the same work tree. */
export function withWorkTree<T>(
  options: Place,
  release: string,
  work: () => Promise<T>,
): Promise<T> {
  const lock = {
    wait: options.patience ?? 60_000,
    signal: options.context.signal,
    waiting: (pid: number) => options.line?.(`waiting for another ./build (process ${pid})`),
    busy: (pid: number) =>
      new UserError({
        message: `Another ./build (process ${pid}) is at work on libzmq ${release}.`,
        hint: 'Wait until it has ended, then type the command again.',
        exitCode: ExitCode.checkFailed,
      }),
  }
  return withLock(lockOf(options.workDir), lock, work)
}

/** Removes what killed runs left beside the work tree. */
export async function sweep(workDir: string): Promise<void> {
  const parent = dirname(workDir)
  const lock = `${basename(lockOf(workDir))}.`
  for (const name of await readdir(parent)) {
    const left =
      name.startsWith(`.${basename(workDir)}.new-`) ||
      (name.startsWith(lock) && isGone(name.slice(lock.length)))
    if (left) await rm(join(parent, name), { recursive: true, force: true })
  }
}

/** Scratch folders of killed runs; others may be at work beside this one without its lock. */
export async function sweepScratch(repo: Repository): Promise<void> {
  for (const name of await readdir(repo.own)) {
    if (name.startsWith('tmp-') && isGone(name.slice('tmp-'.length)))
      await rm(join(repo.own, name), { recursive: true, force: true })
  }
}
