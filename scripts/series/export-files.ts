// SPDX-License-Identifier: MPL-2.0
import { join, relative, sep } from 'node:path'
import { YAML } from 'zx'
import { ExitCode, UserError } from '../ui/errors.ts'
import {
  bothChanged,
  drop,
  type ExportWork,
  edit,
  isNewer,
  put,
  seriesFile,
} from './export-work.ts'
import { addFile, itemText, removeAt } from './manifest-text.ts'
import { readChanges, type TreeCommit } from './read-commits.ts'
import { readBlob } from './repository.ts'
import type { AddedFile } from './types.ts'
import { inRange } from './versions.ts'

/** Takes the files that the tree adds to libzmq over into libzmq-ext/transport. */
export async function exportFiles(work: ExportWork): Promise<void> {
  const now = await addedPaths(work, work.head)
  const before = await addedPaths(work, work.state.head)
  for (const [path, after] of now) await exportFile(work, path, after, before.get(path))
  for (const path of before.keys()) if (!now.has(path)) removeFile(work, path)
  noteFolded(work)
}

/** Files that the base has not, with what they are: "100644 <blob>". */
async function addedPaths(work: ExportWork, head: string): Promise<Map<string, string>> {
  const changes = await readChanges(work.repo, work.state.base, head)
  return new Map(
    changes.flatMap(({ path, status, after }) => (status === 'A' && after ? [[path, after]] : [])),
  )
}

const isForThis = (work: ExportWork) => (file: AddedFile) =>
  !file.releases || inRange(work.state.version, file.releases)

async function exportFile(
  work: ExportWork,
  path: string,
  after: string,
  before: string | undefined,
): Promise<void> {
  const owner = ownerOf(work, path)
  const known = seriesFile(work, path, isForThis(work))
  if (!known) {
    if (before === after) return
    if (before) throw bothChanged(`The file ${path} in series.yaml`)
    const target = join(work.series.transportDir, path)
    if (seriesFile(work, path, () => true)) throw otherRelease(path)
    const bytes = await blobOf(work, path)
    put(work, target, bytes, after.startsWith('100755'))
    giveTo(work, owner, path)
    return
  }
  const { entry, file } = known
  if (after !== before) {
    const bytes = await blobOf(work, path)
    const executable = after.startsWith('100755')
    const same = bytes.equals(file.input.bytes) && executable === file.executable
    if (!same && isNewer(work, file.input.label, file.input.sha256))
      throw bothChanged(file.input.label)
    if (!same) put(work, file.input.path, bytes, executable)
  }
  const ownerBefore = work.applied.findLast((commit) => addsPath(commit, path))?.slug
  if (owner !== entry.slug && owner !== ownerBefore) {
    giveTo(work, owner, takeFrom(work, entry.slug, file))
    work.notes.push(`${path} is now of the entry "${owner}"`)
  }
}

const addsPath = (commit: TreeCommit, path: string): boolean =>
  commit.changes.some((change) => change.path === path && change.status === 'A')

/** The entry of the commit that adds a path. */
function ownerOf(work: ExportWork, path: string): string {
  const found = work.assigned.findLast(({ commit }) => addsPath(commit, path))
  if (!found) throw new Error(`no commit adds ${path}`)
  return found.slug
}

async function blobOf(work: ExportWork, path: string): Promise<Buffer> {
  const bytes = await readBlob(work.repo, `${work.head}:${path}`)
  if (!bytes) throw new Error(`HEAD has no ${path}`)
  return bytes
}

function giveTo(work: ExportWork, slug: string, item: string): void {
  if (work.texts.has(slug)) edit(work, slug, (text) => addFile(text, item))
  else {
    const fresh = work.fresh.get(slug) ?? { files: [] }
    work.fresh.set(slug, { ...fresh, files: [...fresh.files, item] })
  }
}

/** Takes a file out of its entry's list; gives the item as it was written there. */
function takeFrom(work: ExportWork, slug: string, file: AddedFile): string {
  const text = work.texts.get(slug)?.text ?? ''
  const from = relative(work.series.transportDir, file.input.path).split(sep).join('/')
  type Item = string | { from: string; to?: string; releases?: string }
  const [entry] = YAML.parse(text) as [{ files?: Item[] }]
  const at = (entry.files ?? []).findIndex((item) => {
    const spec = typeof item === 'string' ? { from: item } : item
    const to = spec.to ?? spec.from
    return spec.from === from && to === file.to && spec.releases === file.releases
  })
  if (at < 0) throw new Error(`the entry ${slug} does not list ${from}`)
  edit(work, slug, (old) => removeAt(old, [0, 'files', at]))
  return itemText(text, [0, 'files', at])
}

/** The tree no longer has a file of the series. */
function removeFile(work: ExportWork, path: string): void {
  const known = seriesFile(work, path, isForThis(work))
  if (!known) return
  const { entry, file } = known
  if (isNewer(work, file.input.label, file.input.sha256)) throw bothChanged(file.input.label)
  takeFrom(work, entry.slug, file)
  drop(work, file.input)
}

/** A file of the series has one source: what several commits do to it is one commit's now. */
function noteFolded(work: ExportWork): void {
  for (const { commit, slug, untouched } of work.assigned) {
    if (untouched) continue
    const folded = new Map<string, string[]>()
    for (const { path, status } of commit.changes) {
      if (work.basePaths.has(path) || status !== 'M') continue
      const into = ownerOf(work, path)
      if (into !== slug) folded.set(into, [...(folded.get(into) ?? []), path])
    }
    for (const [into, paths] of folded) {
      work.notes.push(
        `what ${commit.id.slice(0, 12)} does to ${paths.join(', ')} goes into the entry "${into}", which adds it`,
      )
    }
  }
}

function otherRelease(path: string): UserError {
  return new UserError({
    message: `The work tree adds ${path}, which the series has for other releases only.`,
    hint: 'Widen its range of releases in patches/series.yaml, or give it another "from" there.',
    exitCode: ExitCode.checkFailed,
  })
}
