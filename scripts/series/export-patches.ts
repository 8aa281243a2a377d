// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { YAML } from 'zx'
import { splitVariant } from './export-variants.ts'
import {
  type Assigned,
  bothChanged,
  drop,
  type ExportWork,
  edit,
  isNewer,
  put,
} from './export-work.ts'
import { addPatch, removeAt, setMessage } from './manifest-text.ts'
import { parsePatch } from './patch-text.ts'
import { makeSection, remakePatch } from './sections.ts'
import type { Input } from './types.ts'
import { inRange } from './versions.ts'

type Share = Map<string, string | undefined>

/** Shares a commit's edits of upstream's files out to its entry's patches for this version. */
export async function exportPatches(work: ExportWork, one: Assigned): Promise<void> {
  if (one.untouched) return
  const { commit, entry } = one
  const variant = entry?.variants.find(({ releases }) => inRange(work.state.version, releases))
  const patches = [...(entry?.patches ?? []), ...(variant?.patches ?? [])]
  const owner = new Map<string, Input>()
  for (const input of patches) {
    for (const { path } of parsePatch(input.bytes).files) owner.set(path, input)
  }
  const shares = new Map<Input | undefined, Share>(patches.map((input) => [input, new Map()]))
  for (const { path, after } of commit.changes) {
    if (!work.basePaths.has(path)) continue
    const input = owner.get(path) ?? patches[0]
    const share: Share = shares.get(input) ?? new Map()
    shares.set(input, share.set(path, after))
  }
  let changed = false
  for (const [input, wanted] of shares) {
    if (await exportPatch(work, one, input, wanted)) changed = true
  }
  const others = (entry?.variants ?? []).filter((other) => other !== variant)
  if (changed && others.length > 0) {
    const ranges = others.map((other) => `"${other.releases}"`).join(' and ')
    work.notes.push(
      `the entry "${one.slug}" changed and has variants for ${ranges} too: see whether they need the same`,
    )
  }
}

/** True when the patch changes. */
async function exportPatch(
  work: ExportWork,
  one: Assigned,
  input: Input | undefined,
  wanted: Share,
): Promise<boolean> {
  const { id, parent } = one.commit
  const bytes = await remakePatch(work.repo, input?.bytes, parent, id, wanted)
  if (input === undefined) {
    if (bytes) addNewPatch(work, one, bytes)
    return bytes !== undefined
  }
  if (bytes?.equals(input.bytes)) return false
  if (isNewer(work, input.label, input.sha256)) {
    if (await sameAsApplied(work, one, wanted)) return false
    throw bothChanged(input.label)
  }
  const name = input.path.slice(work.series.patchesDir.length + 1)
  const place = findPatch(work.texts.get(one.slug)?.text ?? '', name)
  if (!bytes) {
    drop(work, input)
    edit(work, one.slug, (text) => removeAt(text, place))
  } else if (!splitVariant(work, one, input, place, bytes)) {
    put(work, input.path, bytes)
  }
  return true
}

/** Whether the commit still makes the same edits as the one that apply made for the entry. */
async function sameAsApplied(work: ExportWork, one: Assigned, wanted: Share): Promise<boolean> {
  const applied = work.applied.find(({ slug }) => slug === one.slug)
  if (!applied) return false
  for (const path of wanted.keys()) {
    const before = await makeSection(work.repo, applied.parent, applied.id, path)
    const now = await makeSection(work.repo, one.commit.parent, one.commit.id, path)
    if (!before.equals(now)) return false
  }
  return true
}

function addNewPatch(work: ExportWork, { slug, entry }: Assigned, bytes: Buffer): void {
  const name = `${slug}.patch`
  put(work, join(work.series.patchesDir, name), bytes)
  if (entry) edit(work, slug, (text) => addPatch(text, name))
  else work.fresh.set(slug, { files: [], ...work.fresh.get(slug), patch: name })
}

/** Where in an entry's text a patch is named. */
function findPatch(text: string, name: string): (string | number)[] {
  type List = string | (string | { patch?: string })[] | undefined
  const [entry] = YAML.parse(text) as [{ patch?: List; variants?: { patch?: List }[] }]
  const inList = (value: List, path: (string | number)[]): (string | number)[] | undefined => {
    if (value === name) return path
    if (!Array.isArray(value)) return undefined
    const index = value.findIndex((item) => (typeof item === 'string' ? item : item.patch) === name)
    return index < 0 ? undefined : [...path, index]
  }
  const places = [
    inList(entry.patch, [0, 'patch']),
    ...(entry.variants ?? []).map((variant, i) =>
      inList(variant.patch, [0, 'variants', i, 'patch']),
    ),
  ]
  const found = places.find((place) => place !== undefined)
  if (!found) throw new Error(`no ${name} in:\n${text}`)
  return found
}

/** Takes over a message that was edited. */
export function exportMessage(
  work: ExportWork,
  { commit, slug, entry, untouched }: Assigned,
): void {
  if (untouched || !entry || commit.message === entry.message) return
  const applied = work.applied.find((one) => one.slug === slug)
  // Edited on the disk alone.
  if (applied?.message === commit.message) return
  if (applied && applied.message !== entry.message)
    throw bothChanged(`The message of "${slug}" in series.yaml`)
  edit(work, slug, (text) => setMessage(text, commit.message))
}
