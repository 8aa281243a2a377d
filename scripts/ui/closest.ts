// SPDX-License-Identifier: MPL-2.0

/** The known word nearest to a mistyped one (Damerau-Levenshtein), or undefined when none is near. */
export function closest(typed: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let least = Math.max(2, Math.floor(typed.length / 3)) + 1
  for (const word of known) {
    const distance = word.startsWith(typed) && typed.length > 2 ? 1 : editDistance(typed, word)
    if (distance < least) {
      least = distance
      best = word
    }
  }
  return best
}

/** How many letters must be put in, left out, changed or swapped with their neighbour. */
export function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0
  for (let i = 1; i <= a.length; i++) {
    rows[i] = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let least = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, change)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, at(i - 2, j - 2) + 1)
      rows[i]?.push(least)
    }
  }
  return at(a.length, b.length)
}
