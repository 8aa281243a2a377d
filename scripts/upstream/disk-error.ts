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
  const where = path === undefined || path.startsWith(folder) ? folder : path
  const full = kind === 'full'
  return new UserError({
    message: full ? `The disk of ${where} is full.` : `${where} cannot be written to.`,
    ...(error instanceof Error ? { details: error.message } : {}),
    hint: full
      ? 'Free some space, or give another folder with --out.'
      : 'Give another folder with --out.',
    exitCode: ExitCode.missing,
    cause: error,
  })
}

const codes: Record<string, 'full' | 'unwritable'> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EACCES: 'unwritable',
  EPERM: 'unwritable',
  EROFS: 'unwritable',
  ENOTDIR: 'unwritable',
  EEXIST: 'unwritable',
}

function kindOf(error: unknown): 'full' | 'unwritable' | undefined {
  if (error instanceof UserError) {
    if (/No space left on device|Disk quota exceeded/.test(error.details ?? '')) return 'full'
    return /Read-only file system/.test(error.details ?? '') ? 'unwritable' : undefined
  }
  return codes[(error as NodeJS.ErrnoException | undefined)?.code ?? '']
}
