// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import semver from 'semver'
import { YAML } from 'zx'
import { supportedVersions } from './check-series.ts'
import { type Assigned, type ExportWork, edit, put } from './export-work.ts'
import { addList, insertItem, replaceValue } from './manifest-text.ts'
import { type Section, splitSections } from './sections.ts'
import type { Input } from './types.ts'
import { inRange } from './versions.ts'

/**
 * A patch that had to be merged into this release still fits the earlier ones: what of it changed
 * becomes two variants, below this version and from it on, and the rest stays for all. False
 * where no range of versions can tell the two apart; then the patch itself is to be rewritten.
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
  const below = range === undefined ? `<${version}` : `${range} <${version}`
  const from =
    range === undefined || semver.subset(`>=${version}`, range)
      ? `>=${version}`
      : `>=${version} ${range}`
  const write = (suffix: string, content: Buffer): string => {
    const name = freshName(work, oldName, suffix)
    put(work, join(series.patchesDir, name), content)
    return name
  }
  const parts = divide(input.bytes, bytes)
  const shared = range === undefined && parts.shared.length > 0 && parts.old.length > 0
  const newName = write(version, shared ? Buffer.concat(parts.new) : bytes)
  const names = { below, from, oldName, newName }
  if (shared) {
    put(work, input.path, Buffer.concat(parts.shared))
    const restName = write(`below-${version}`, Buffer.concat(parts.old))
    edit(work, slug, (text) => addVariants(text, place, { ...names, oldName: restName }, false))
  } else if (range === undefined) {
    edit(work, slug, (text) => addVariants(text, place, names, true))
  } else {
    edit(work, slug, (text) => divideVariant(text, place, names))
  }
  work.notes.push(`the entry "${slug}" has a variant of ${oldName} for ${from}: ${newName}`)
  return true
}

/** What two patches share to the byte, file by file, and what only one of them has. */
function divide(before: Buffer, after: Buffer): { shared: Buffer[]; old: Buffer[]; new: Buffer[] } {
  const olds = splitSections(before)
  const news = splitSections(after)
  const isIn = (list: readonly Section[]) => (one: Section) =>
    list.some((other) => other.path === one.path && other.bytes.equals(one.bytes))
  const bytesOf = (list: readonly Section[]): Buffer[] => list.map((section) => section.bytes)
  return {
    shared: bytesOf(olds.filter(isIn(news))),
    old: bytesOf(olds.filter((one) => !isIn(news)(one))),
    new: bytesOf(news.filter((one) => !isIn(olds)(one))),
  }
}

interface Names {
  /** Ranges, and the patches for them. */
  below: string
  from: string
  oldName: string
  newName: string
}

/** Adds two variants behind a patch that is for all, or in its place. */
function addVariants(
  text: string,
  place: readonly (string | number)[],
  { below, from, oldName, newName }: Names,
  instead: boolean,
): string {
  const index = place[2]
  if (typeof index === 'number') {
    const [old, young] = [
      `{ patch: ${oldName}, releases: "${below}" }`,
      `{ patch: ${newName}, releases: "${from}" }`,
    ]
    const added = insertItem(text, [0, 'patch'], index, young)
    if (instead) return replaceValue(added, [0, 'patch', index], old)
    return insertItem(added, [0, 'patch'], index, old)
  }
  const items = [
    `{ releases: "${below}", patch: ${oldName} }`,
    `{ releases: "${from}", patch: ${newName} }`,
  ]
  return addList(text, 'patch', 'variants', items, instead)
}

/** Narrows a variant, and adds one for the rest of its range. */
function divideVariant(
  text: string,
  place: readonly (string | number)[],
  { below, from, oldName, newName }: Names,
): string {
  const [, key, index] = place as [number, 'patch' | 'variants', number]
  const narrowed = replaceValue(text, [0, key, index, 'releases'], `"${below}"`)
  if (key === 'patch')
    return insertItem(narrowed, [0, key], index, `{ patch: ${newName}, releases: "${from}" }`)
  const [entry] = YAML.parse(text) as [{ variants: { patch: string | string[] }[] }]
  const patch = entry.variants[index]?.patch ?? ''
  const names = [patch].flat().map((name) => (name === oldName ? newName : name))
  const list = names.length === 1 ? names[0] : `[${names.join(', ')}]`
  return insertItem(narrowed, [0, key], index, `{ releases: "${from}", patch: ${list} }`)
}

/** "glue.patch" becomes "glue-4.3.6.patch". */
function freshName(work: ExportWork, name: string, suffix: string): string {
  const stem = name.replace(/\.(patch|diff)$/, '').replace(/(-below)?-\d+\.\d+\.\d+$/, '')
  const inputs = work.series.entries.flatMap((entry) => [
    ...entry.patches,
    ...entry.variants.flatMap(({ patches }) => patches),
  ])
  const taken = new Set([...inputs.map((input) => input.path), ...work.overlay.keys()])
  for (let n = 1; ; n++) {
    const candidate = `${stem}-${suffix}${n === 1 ? '' : `-${n}`}.patch`
    if (!taken.has(join(work.series.patchesDir, candidate))) return candidate
  }
}
