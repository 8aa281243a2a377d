// SPDX-License-Identifier: MPL-2.0
import type { Identity } from '../system/git.ts'

/** A file of the series, read once: what was checked is what gets applied. */
export interface Input {
  /** As a message names it, from the repository's root: "patches/glue.patch". */
  label: string
  /** Absolute. */
  path: string
  bytes: Buffer
  /** Of the bytes, hex. */
  sha256: string
}

/** A patch and the releases it is for; without a range it is for all. */
export interface PatchRef {
  input: Input
  releases?: string
}

/** A file that the series adds to libzmq. */
export interface AddedFile {
  input: Input
  /** Path in libzmq's tree. */
  to: string
  executable: boolean
  releases?: string
}

/** One entry of series.yaml: one commit. */
export interface Entry {
  slug: string
  /** The commit message, ending in one newline. */
  message: string
  /** Taken for every release. */
  patches: readonly Input[]
  /** Exactly one is taken; one with no patches says that nothing needs doing there. */
  variants: readonly { releases: string; patches: readonly Input[] }[]
  files: readonly AddedFile[]
}

/** patches/series.yaml with all that it refers to, checked. */
export interface Series {
  name: string
  version: number
  /** Semver range over ZMQ_VERSION. */
  supports: string
  author: Identity
  /** Author and committer date of every commit: "2026-01-01T00:00:00Z". */
  date: string
  entries: readonly Entry[]
  /** Absolute path of series.yaml. */
  manifest: string
  patchesDir: string
  transportDir: string
}

/** An entry as it is for one version of libzmq. */
export interface ResolvedEntry {
  slug: string
  message: string
  /** The range of the variant that was taken. */
  variant?: string
  patches: readonly Input[]
  files: readonly AddedFile[]
}

/** A commit of the work tree that stands for an entry. */
export interface SeriesCommit {
  id: string
  slug: string
  subject: string
  variant?: string
}

/** How a file of an entry got its edits when its patch did not fit. */
export interface MergedFile {
  slug: string
  path: string
  /**
   * merged: a three-way merge did it alone. conflict: it left conflict markers. marked: there is
   * no history to merge with; hunks without a place are marked where they seem to belong.
   * missing: upstream has no such file.
   */
  how: 'merged' | 'conflict' | 'marked' | 'missing'
  /** The upstream commit whose version of the file the merge is based on. */
  basedOn?: string
  /** Where upstream moved the file to; the edits are there then. */
  renamedTo?: string
}

/** A work tree that the series is applied to. */
export interface AppliedTree {
  /** Absolute; a git repository of its own, on branch "scif". */
  workDir: string
  release: string
  /** ZMQ_VERSION of include/zmq.h. */
  version: string
  /** The commit below the series: upstream's own where its history is at hand. */
  base: string
  /** HEAD of the work tree. */
  head: string
  /** Tree id of head. */
  tree: string
  /** sha256 over all that makes the series for this version. */
  seriesHash: string
  commits: readonly SeriesCommit[]
  action: 'applied' | 'unchanged' | 'reapplied'
  /** Why: "4 entries on 4.3.5", "same inputs as before", "patches/glue.patch changed". */
  reason: string
  /** Whether somebody has edited the work tree since; such a tree is only ever "unchanged". */
  edits: Edits
  /** With --3way: what did not fit by itself and how it was put right; nothing of it is exported yet. */
  merges?: readonly MergedFile[]
  /** Entries that were left out with --skip. */
  skipped?: readonly string[]
}

/** Edits in a work tree that the series does not have. */
export interface Edits {
  /** Tracked paths with uncommitted changes. */
  uncommitted: readonly string[]
  /** HEAD is no longer the commit that apply left there. */
  moved: boolean
  /** A rebase, merge or the like that is under way: "rebase". */
  underWay?: string
  /** Paths that git neither knows nor ignores: forgotten sources, perhaps. They are in nobody's way. */
  untracked?: readonly string[]
}
