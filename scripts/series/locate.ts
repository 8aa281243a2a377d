// SPDX-License-Identifier: MPL-2.0
import { type FilePatch, type Hunk, hunkSides } from './patch-text.ts'

/** Lines of a file with the number of the first, from 1. */
export interface Excerpt {
  line: number
  lines: string[]
}

/** Why a hunk does not go into a file. */
export interface HunkMisfit {
  hunk: Hunk
  /** Which of the file's hunks it is, from 1. */
  number: number
  /** The lines that the hunk wants to find. */
  expected: string[]
  /** The lines that are most like them; absent when nothing is. */
  found?: Excerpt
  /** What the hunk makes is in the file already. */
  already: boolean
}

/** Index of the place nearest to `guess` where the lines stand exactly; -1 when there is none. */
export function findExactly(
  file: readonly string[],
  lines: readonly string[],
  guess: number,
): number {
  const last = file.length - lines.length
  const fits = (at: number): boolean => lines.every((line, i) => file[at + i] === line)
  for (let distance = 0; distance <= file.length; distance++) {
    const before = guess - distance
    const after = guess + distance
    if (after >= 0 && after <= last && fits(after)) return after
    if (before >= 0 && before <= last && fits(before)) return before
  }
  return -1
}

/** Looks at each hunk of a patch on its own and tells those that have no place in the file. */
export function findMisfits(text: string, patch: FilePatch): HunkMisfit[] {
  const file = text.split('\n')
  if (file.at(-1) === '') file.pop()
  const misfits: HunkMisfit[] = []
  let offset = 0
  for (const [index, hunk] of patch.hunks.entries()) {
    const sides = hunkSides(hunk)
    const guess = Math.max(0, hunk.oldStart - 1 + offset)
    const at = findExactly(file, sides.old, guess)
    if (at >= 0) {
      offset += at - guess
      continue
    }
    const found = findSimilar(file, sides.old, guess)
    misfits.push({
      hunk,
      number: index + 1,
      expected: sides.old,
      already: findExactly(file, sides.new, guess) >= 0,
      ...(found ? { found } : {}),
    })
  }
  return misfits
}

/** The stretch of the file that has most of the lines in their order, nearest to the guess. */
export function findSimilar(
  file: readonly string[],
  lines: readonly string[],
  guess: number,
): Excerpt | undefined {
  const window = lines.length + 6
  let best: { score: number; distance: number; first: number; last: number } | undefined
  for (let start = 0; start < file.length; start++) {
    // A window that does not begin with one of the lines is another window's with a worse start.
    if (!lines.some((line) => sameWords(line, file[start] ?? ''))) continue
    const match = longestCommon(lines, file.slice(start, start + window))
    const distance = Math.abs(start - guess)
    if (match.score < 2) continue
    if (
      !best ||
      match.score > best.score ||
      (match.score === best.score && distance < best.distance)
    )
      best = { score: match.score, distance, first: start, last: start + match.last }
  }
  if (!best) return undefined
  return { line: best.first + 1, lines: file.slice(best.first, best.last + 1) }
}

const sameWords = (a: string, b: string): boolean => {
  const plain = a.replace(/\s+/g, '')
  return plain.length > 1 && plain === b.replace(/\s+/g, '')
}

/** Longest common subsequence, blind to white space; lines alike to the letter count a bit more. */
function longestCommon(
  lines: readonly string[],
  window: readonly string[],
): { score: number; last: number } {
  let row = window.map(() => 0)
  let last = 0
  let score = 0
  for (const line of lines) {
    const next: number[] = []
    for (const [j, other] of window.entries()) {
      const worth = sameWords(line, other) ? (line === other ? 1.01 : 1) : 0
      const joined = worth > 0 ? (row[j - 1] ?? 0) + worth : 0
      next[j] = Math.max(joined, row[j] ?? 0, next[j - 1] ?? 0)
      if (next[j] > score) {
        score = next[j]
        last = j
      }
    }
    row = next
  }
  return { score, last }
}

/**
 * The text with all hunks of a patch in it, or undefined when one has no place. As strict as
 * `git apply`: hunks may move as wholes, in their order, and keep all of their context.
 */
export function applyHunks(text: string, patch: FilePatch): string | undefined {
  const file = text.split('\n')
  const result: string[] = []
  let done = 0
  let offset = 0
  for (const hunk of patch.hunks) {
    if (hunk.lines.some((line) => line.startsWith('\\'))) return undefined
    const sides = hunkSides(hunk)
    const guess = Math.max(0, hunk.oldStart - 1 + offset)
    const at = findExactly(file, sides.old, guess)
    if (at < done) return undefined
    offset += at - guess
    result.push(...file.slice(done, at), ...sides.new)
    done = at + sides.old.length
  }
  return [...result, ...file.slice(done)].join('\n')
}
