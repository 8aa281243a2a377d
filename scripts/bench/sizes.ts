// SPDX-License-Identifier: MPL-2.0
import { ExitCode, UserError } from '../ui/errors.ts'

const units = { '': 1, k: 2 ** 10, m: 2 ** 20 } as const

/** The largest message that is measured, bytes. */
export const largestSize = 2 ** 30

/** 1 B to 16 MiB in steps of four. */
export const fullSizes: readonly number[] = Array.from({ length: 13 }, (_, step) => 4 ** step)

/** What a first look needs. */
export const quickSizes: readonly number[] = [1, 64, 2 ** 10, 2 ** 15, 2 ** 20, 2 ** 24]

/** "1,64,4K,16M": bytes, KiB and MiB, ascending and each once. */
export function parseSizes(text: string): number[] {
  const sizes = text.split(',').map((part) => {
    const [, digits, unit = ''] =
      /^(\d+)\s*(?:([km])(?:i?b)?|b)?$/i.exec(part.trim())?.map((each) => each ?? '') ?? []
    const size = Number(digits) * units[unit.toLowerCase() as keyof typeof units]
    if (!digits || size < 1 || size > largestSize)
      throw new UserError({
        message: `--sizes: ${JSON.stringify(part)} is not a size from 1 byte to 1024M.`,
        hint: 'For example: --sizes 1,64,4K,1M',
        exitCode: ExitCode.usage,
      })
    return size
  })
  return [...new Set(sizes)].sort((a, b) => a - b)
}

/** "64 B", "4 KiB", "16 MiB". */
export function formatSize(bytes: number): string {
  if (bytes >= 2 ** 20 && bytes % 2 ** 20 === 0) return `${bytes / 2 ** 20} MiB`
  if (bytes >= 2 ** 10 && bytes % 2 ** 10 === 0) return `${bytes / 2 ** 10} KiB`
  return `${bytes} B`
}
