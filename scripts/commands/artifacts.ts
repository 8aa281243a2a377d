// SPDX-License-Identifier: MPL-2.0
import type { AppliedTree } from '../series/types.ts'
import type { BuiltPrefix } from '../toolchain/types.ts'
import type { FetchedSource } from '../upstream/types.ts'
import type { QuickFigures } from './quick-run.ts'

/**
 * What the steps of a command hand on to those after them. A command's plan makes an empty one;
 * each step fills in its field and may rely on those of the steps before it.
 */
export interface Artifacts {
  source?: FetchedSource
  work?: AppliedTree
  built?: BuiltPrefix
  quick?: QuickFigures
}

/** A field that an earlier step of the same plan has filled in. */
export function need<K extends keyof Artifacts>(
  artifacts: Artifacts,
  field: K,
): NonNullable<Artifacts[K]> {
  const value = artifacts[field]
  if (value === undefined) throw new Error(`no earlier step has delivered "${field}"`)
  return value
}
