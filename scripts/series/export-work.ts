// SPDX-License-Identifier: MPL-2.0
import { ExitCode, UserError } from '../ui/errors.ts'
import type { EntryText } from './manifest-text.ts'
import type { TreeCommit } from './read-commits.ts'
import type { Repository } from './repository.ts'
import type { State } from './state.ts'
import type { AddedFile, Entry, Input, Series } from './types.ts'

/** A commit and the entry that it is, or becomes. */
export interface Assigned {
  commit: TreeCommit
  slug: string
  /** As series.yaml has it; undefined for a new one. */
  entry: Entry | undefined
  /** Apply made this very commit. */
  untouched: boolean
}

/** What is known, and what has been worked out so far, while an export is planned. */
export interface ExportWork {
  repo: Repository
  state: State
  /** As it is on the disk. */
  series: Series
  head: string
  /** Entries may be dropped of which other releases have patches or files of their own. */
  drop: boolean
  assigned: readonly Assigned[]
  /** The commits that apply made. */
  applied: readonly TreeCommit[]
  basePaths: ReadonlySet<string>
  /** Files of the project as they are to be. */
  overlay: Map<string, { bytes: Buffer; executable: boolean } | null>
  /** Text of each entry that series.yaml has, by slug; edited as needed. */
  texts: Map<string, EntryText>
  /** What entries that it has not yet will hold. */
  fresh: Map<string, { patch?: string; files: string[] }>
  /** Sentences on what was understood. */
  notes: string[]
}

/** Has a file written. */
export function put(work: ExportWork, path: string, bytes: Buffer, executable = false): void {
  work.overlay.set(path, { bytes, executable })
}

/** Has a file removed, unless another place in the series refers to it too. */
export function drop(work: ExportWork, input: Input): void {
  const references = work.series.entries
    .flatMap((entry) => [
      ...entry.patches,
      ...entry.variants.flatMap((variant) => variant.patches),
      ...entry.files.map((file) => file.input),
    ])
    .filter((one) => one.label === input.label)
  if (references.length <= 1) work.overlay.set(input.path, null)
}

/** Changes the text of an entry that series.yaml has. */
export function edit(work: ExportWork, slug: string, change: (text: string) => string): void {
  const entry = work.texts.get(slug)
  if (!entry) throw new Error(`series.yaml has no entry ${slug}`)
  work.texts.set(slug, { ...entry, text: change(entry.text) })
}

/** Whether the disk has something else under this name than what was applied. */
export function isNewer(work: ExportWork, name: string, digest: string): boolean {
  return work.state.inputs[name] !== digest
}

/** The file of the series that stands at a path in libzmq's tree, with its entry. */
export function seriesFile(
  work: ExportWork,
  to: string,
  isFor: (file: AddedFile) => boolean,
): { entry: Entry; file: AddedFile } | undefined {
  for (const entry of work.series.entries) {
    const file = entry.files.find((one) => one.to === to && isFor(one))
    if (file) return { entry, file }
  }
  return undefined
}

/** Both the work tree and the project changed the same thing. */
export function bothChanged(what: string): UserError {
  return new UserError({
    message: `${what} changed since it was applied, and the work tree changes it too.`,
    hint: [
      'Put the newer one aside (git stash, or a branch), type ./build export, commit, then let',
      'git merge the two.',
    ].join('\n'),
    exitCode: ExitCode.checkFailed,
  })
}
