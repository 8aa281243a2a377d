// SPDX-License-Identifier: MPL-2.0
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
  if (error instanceof UserError) {
    if (/No space left on device|Disk quota exceeded/.test(error.details ?? '')) return 'full'
    return /Read-only file system/.test(error.details ?? '') ? 'unusable' : undefined
  }
  return codes[(error as NodeJS.ErrnoException | undefined)?.code ?? '']
}
