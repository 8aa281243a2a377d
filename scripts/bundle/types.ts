// SPDX-License-Identifier: MPL-2.0
import type { Glue } from '../series/glue.ts'
import type { Identity } from '../system/git.ts'
import type { Evidence } from './evidence.ts'

/** A commit as upstream gets it: no trailers of the toolkit, a real author. */
export interface UpstreamCommit {
  id: string
  tree: string
  /** The entry of the series; absent for the line in AUTHORS. */
  slug?: string
  subject: string
  /** Whole, ending in one newline. */
  message: string
  /** `git patch-id --stable`: the same for the same change on whatever base. */
  patchId: string
}

/** A text file of the bundle's last commit, or of its base. */
export interface TreeFile {
  path: string
  text: string
}

/** What upstream's master was found to be. */
export interface UpstreamTip {
  /** Undefined when nobody could be asked, or there is no such branch. */
  commit?: string
  /** Upstream itself has answered, not a repository that may lag behind it. */
  byUpstream?: boolean
  /** A sentence, when it could not be had. */
  problem?: string
}

/** All that the gates look at and the bundle is written from: plain values, collected before. */
export interface BundleFacts {
  /** Of the series, from patches/series.yaml. */
  name: string
  version: number
  /** What was applied: "master", "4.3.5"; and its ZMQ_VERSION. */
  release: string
  zmqVersion: string
  /** Stays the same over all versions of the series. */
  changeId: string
  base: {
    commit: string
    tree: string
    /** Of the commit, "2026-07-20". */
    date: string
    /** Made from a release archive: nobody else has this commit. */
    imported: boolean
  }
  /** The last commit of the bundle. */
  head: { commit: string; tree: string }
  branch: string
  author: Identity
  signOff: boolean
  seriesHash: string
  commits: readonly UpstreamCommit[]
  glue: Glue
  /** Lines that the series adds in files of its own. */
  newLines: number
  /** Files that it adds, and those of upstream that it edits, as they are at the end. */
  added: readonly TreeFile[]
  edited: readonly TreeFile[]
  /** Paths of the whole tree. */
  paths: readonly string[]
  /** Each added line of the diff in src/ and include/, tests, build systems: path, text. */
  addedLines: readonly TreeFile[]
  /** AUTHORS at the end; undefined when upstream has none. */
  authorsFile: string | undefined
  /** What keeps the work tree from being just the exported series, in sentences. */
  notExported: readonly string[]
  tip: UpstreamTip
  evidence: Evidence
  /** Where reviewers get the toolkit. */
  project: string | undefined
  /** From version 2 on: what changed, and how it differs from the version before. */
  changes: string | undefined
  rangeDiff: string | undefined
  /** For the ages of evidence and base; nothing of it is written into the bundle. */
  now: Date
  /** Days after which evidence does not count any more. */
  evidenceDays: number
}

/** What a gate finds: a fact as a sentence and, when it closes, what to do. */
export type Finding = { ok: true; sentence: string } | { ok: false; sentence: string; fix: string }

/** A condition that has to hold before the bundle is written. */
export interface Gate {
  /** What --waive names it by. */
  name: string
  title: string
  look(facts: BundleFacts): Finding
}

/** What came of a gate. */
export interface GateResult {
  name: string
  title: string
  ok: boolean
  sentence: string
  fix?: string
  /** The reason that was given for passing it closed. */
  waived?: string
}
