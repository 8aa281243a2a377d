// SPDX-License-Identifier: MPL-2.0
import type { Env } from './run.ts'

/** What a command hands to the rooms below it: everything that would otherwise be global. */
export interface Context {
  /** The repository's root, absolute. */
  root: string
  /** The output folder (--out), absolute; the only place that is written to. */
  out: string
  env: Env
  /** Parallel jobs for builds. */
  jobs: number
  /** Never touch the network. */
  offline: boolean
  /** Aborted on interrupt. */
  signal: AbortSignal
  /** Now, for reports and ages; a fixed clock in tests. */
  now: () => Date
}
