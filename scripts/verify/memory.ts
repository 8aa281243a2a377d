// SPDX-License-Identifier: MPL-2.0
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Inputs, keyOf, writeWhole } from '../toolchain/stamp.ts'

/** Counted up when verify itself comes to look at more, or in another way. */
const format = '1'

/** Results that were good, by all that they were made from. One that failed is never remembered. */
export interface Memory {
  recall<T>(inputs: Inputs): { value: T; date: string } | undefined
  remember(inputs: Inputs, value: unknown, date: string): void
}

/** A memory in a folder, one file per result. */
export function memoryIn(dir: string): Memory {
  const fileOf = (inputs: Inputs) => join(dir, `${keyOf({ ...inputs, format })}.json`)
  return {
    recall: (inputs) => {
      try {
        return JSON.parse(readFileSync(fileOf(inputs), 'utf8'))
      } catch {
        return undefined
      }
    },
    remember: (inputs, value, date) => {
      const file = fileOf(inputs)
      mkdirSync(dirname(file), { recursive: true })
      writeWhole(file, `${JSON.stringify({ date, inputs, value }, null, 2)}\n`)
    },
  }
}

/** Knows nothing and keeps nothing: --again. */
export const noMemory: Memory = { recall: () => undefined, remember: () => {} }
