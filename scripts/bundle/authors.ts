// SPDX-License-Identifier: MPL-2.0

const heading = 'Individual Contributors'

/** The names under "Individual Contributors" of upstream's AUTHORS, with where they stand. */
function individuals(lines: readonly string[]): { line: number; name: string }[] {
  const at = lines.indexOf(heading)
  if (at < 0) return []
  const names: { line: number; name: string }[] = []
  for (let line = at + 2; line < lines.length; line++) {
    const name = (lines[line] ?? '').trim()
    // The next section's heading is underlined.
    if (/^=+$/.test(lines[line + 1] ?? '')) break
    if (name !== '') names.push({ line, name })
  }
  return names
}

/** True when AUTHORS lists the name, in whatever section. */
export function listsAuthor(text: string, name: string): boolean {
  return text.split('\n').some((line) => line.trim() === name)
}

/**
 * AUTHORS with the name, before the first that comes after it; upstream's list is nearly sorted.
 * Undefined when it lists the name already, or has no list of individuals.
 */
export function addAuthor(text: string, name: string): string | undefined {
  if (listsAuthor(text, name)) return undefined
  const lines = text.split('\n')
  const names = individuals(lines)
  const last = names.at(-1)
  if (!last) return undefined
  const order = new Intl.Collator('en').compare
  const next = names.find((one) => order(one.name, name) > 0)
  lines.splice(next ? next.line : last.line + 1, 0, name)
  return lines.join('\n')
}
