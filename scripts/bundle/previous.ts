// SPDX-License-Identifier: MPL-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { PreviousBundle } from './collect.ts'

const schema = v.object({
  version: v.number(),
  branch: v.string(),
  base: v.object({ commit: v.string() }),
  gitBundle: v.nullable(v.string()),
})

/**
 * The bundle of the version before, in a folder; undefined when there is none, or it has no git
 * bundle. A folder that is another version's is a UserError (exit code 2).
 */
export async function readPrevious(
  dir: string,
  version: number,
): Promise<PreviousBundle | undefined> {
  const text = await readFile(join(dir, 'bundle.json'), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const found = v.parse(schema, JSON.parse(text))
  if (found.version !== version)
    throw new UserError({
      message: `${dir} is the bundle of version ${found.version}, not ${version}.`,
      hint: `Give --previous <folder of v${version}>.`,
      exitCode: ExitCode.usage,
    })
  if (found.gitBundle === null) return undefined
  return { file: join(dir, found.gitBundle), branch: found.branch, base: found.base.commit }
}
