// SPDX-License-Identifier: MPL-2.0
import { statfs } from 'node:fs/promises'
import { ExitCode, UserError } from '../ui/errors.ts'

/**
 * The UserError for a failure of the disk below `folder`, from Node or from the output of a tool;
 * undefined when the error is something else.
 */
export function diskError(error: unknown, folder: string): UserError | undefined {
  const kind = kindOf(error)
  if (kind === undefined) return undefined
  const path = (error as NodeJS.ErrnoException).path
  const inside = path === undefined || path.startsWith(folder)
  const where = inside ? folder : path
  const messages = {
    full: `The disk of ${where} is full.`,
    unusable: inside ? `${where} cannot be written to.` : `${where} cannot be read or written to.`,
  }
  const full = kind === 'full'
  return new UserError({
    message: messages[kind],
    ...(error instanceof Error ? { details: error.message } : {}),
    hint: full
      ? 'Free some space, or give another folder with --out.'
      : inside
        ? 'Give another folder with --out.'
        : 'See who may read it, and whether it is what was meant.',
    exitCode: ExitCode.missing,
    cause: error,
  })
}

const codes: Record<string, 'full' | 'unusable'> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EACCES: 'unusable',
  EPERM: 'unusable',
  EROFS: 'unusable',
  ENOTDIR: 'unusable',
  EEXIST: 'unusable',
}

function kindOf(error: unknown): 'full' | 'unusable' | undefined {
  if (error instanceof UserError) return saysReadOnly(error.details ?? '') ? 'unusable' : undefined
  return codes[(error as NodeJS.ErrnoException | undefined)?.code ?? '']
}

function saysReadOnly(output: string): boolean {
  return /Read-only file system/.test(output)
}

/** Throws an error that diskError knows when the output of a tool says that the disk is full. */
export function throwIfFull(output: string): void {
  const said = /.*(No space left on device|Disk quota exceeded).*/.exec(output)
  if (said) throw fullDisk(said[0])
}

/**
 * The error to go on with when work in `folder` failed: tools do not always say that it was
 * because there was no room.
 */
export async function unlessFull(error: unknown, folder: string): Promise<unknown> {
  const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: 1, bsize: enough }))
  return bavail * bsize < enough ? fullDisk((error as Error).message) : error
}

const enough = 256 * 1024

function fullDisk(message: string): Error {
  return Object.assign(new Error(message), { code: 'ENOSPC' })
}
