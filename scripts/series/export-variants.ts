// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import semver from 'semver'
import { YAML } from 'zx'
import { supportedVersions } from './check-series.ts'
import { type Assigned, type ExportWork, edit, put } from './export-work.ts'
import { insertItem, replacePair, replaceValue } from './manifest-text.ts'
import type { Input } from './types.ts'
import { inRange } from './versions.ts'

/**
 * A patch that had to be merged into this release still fits the earlier ones: it stays as it is
 * for them, and the new one becomes a variant from this version on. False where no range of
 * versions can tell the two apart; then the patch itself is to be rewritten.
 */
export function splitVariant(
  work: ExportWork,
  one: Assigned,
  input: Input,
  place: readonly (string | number)[],
  bytes: Buffer,
): boolean {
  const { state, series } = work
  const { entry, slug } = one
  const { version } = state
  if (!entry || !state.merges?.some((file) => file.slug === slug)) return false
  const range = entry.variants.find((variant) => variant.patches.includes(input))?.releases
  if (range === undefined && entry.variants.length > 0) return false
  if (range?.includes('||')) return false
  const earlier = supportedVersions(series).some(
    (other) => semver.lt(other, version) && (range === undefined || inRange(other, range)),
  )
  if (!earlier) return false
  const oldName = input.path.slice(series.patchesDir.length + 1)
  const newName = freshName(series.patchesDir, oldName, version, work)
  put(work, join(series.patchesDir, newName), bytes)
  const below = range === undefined ? `<${version}` : `${range} <${version}`
  const from =
    range === undefined || semver.subset(`>=${version}`, range)
      ? `>=${version}`
      : `>=${version} ${range}`
  edit(work, slug, (text) => splitText(text, place, { oldName, newName, below, from }))
  work.notes.push(`the entry "${slug}" has a variant of ${oldName} for ${from}: ${newName}`)
  return true
}

interface Split {
  oldName: string
  newName: string
  below: string
  from: string
}

function splitText(text: string, place: readonly (string | number)[], split: Split): string {
  const { oldName, newName, below, from } = split
  const [, key, index] = place
  if (key === 'variants' && typeof index === 'number') {
    const [entry] = YAML.parse(text) as [{ variants: { patch: string | string[] }[] }]
    const patch = entry.variants[index]?.patch ?? ''
    const names = [patch].flat().map((name) => (name === oldName ? newName : name))
    const list = names.length === 1 ? names[0] : `[${names.join(', ')}]`
    const item = `{ releases: "${from}", patch: ${list} }`
    const narrowed = replaceValue(text, [0, 'variants', index, 'releases'], `"${below}"`)
    return insertItem(narrowed, [0, 'variants'], index, item)
  }
  const short = (name: string, releases: string): string =>
    `{ patch: ${name}, releases: "${releases}" }`
  if (typeof index === 'number') {
    const narrowed = replaceValue(text, [0, 'patch', index], short(oldName, below))
    return insertItem(narrowed, [0, 'patch'], index, short(newName, from))
  }
  return replacePair(text, 'patch', 'variants', [
    `{ releases: "${below}", patch: ${oldName} }`,
    `{ releases: "${from}", patch: ${newName} }`,
  ])
}

/** "glue.patch" becomes "glue-4.3.6.patch". */
function freshName(dir: string, name: string, version: string, work: ExportWork): string {
  const stem = name.replace(/\.(patch|diff)$/, '').replace(/-\d+\.\d+\.\d+$/, '')
  const taken = new Set(
    work.series.entries
      .flatMap((entry) => [...entry.patches, ...entry.variants.flatMap(({ patches }) => patches)])
      .map((input) => input.path),
  )
  for (let n = 1; ; n++) {
    const candidate = `${stem}-${version}${n === 1 ? '' : `-${n}`}.patch`
    if (!taken.has(join(dir, candidate))) return candidate
  }
}
