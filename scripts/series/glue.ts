// SPDX-License-Identifier: MPL-2.0
import type { Repository } from './repository.ts'

export interface LineCount {
  added: number
  removed: number
}

/** Where the edits of upstream's own files fall. */
export type GlueArea = 'src' | 'build' | 'tests' | 'doc' | 'other'
export type Glue = Record<GlueArea, LineCount>

/** Which part of libzmq a path belongs to. */
export function areaOf(path: string): GlueArea {
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (/^(CMakeLists\.txt|.*\.cmake|Makefile\.am|configure\.ac|.*\.m4|.*\.pc\..*in)$/.test(name))
    return path.startsWith('doc/') ? 'doc' : 'build'
  if (/^(builds|packaging|\.github|ci)\//.test(path)) return 'build'
  if (/^(src|include)\//.test(path)) return 'src'
  if (/^(tests|unittests|perf)\//.test(path)) return 'tests'
  return path.startsWith('doc/') ? 'doc' : 'other'
}

/** Lines that the commits from base to head change in files that base has; new files don't count. */
export async function countGlue(repo: Repository, base: string, head: string): Promise<Glue> {
  const stat = await repo.git([
    'diff-tree',
    '-r',
    '-z',
    '--numstat',
    '--no-renames',
    '--no-ext-diff',
    '--diff-algorithm=myers',
    '--diff-filter=MDT',
    base,
    head,
  ])
  const zero = (): LineCount => ({ added: 0, removed: 0 })
  const glue: Glue = { src: zero(), build: zero(), tests: zero(), doc: zero(), other: zero() }
  for (const line of stat.split('\0').filter(Boolean)) {
    const [added = '0', removed = '0', path = ''] = line.split('\t')
    const area = glue[areaOf(path)]
    area.added += Number(added) || 0
    area.removed += Number(removed) || 0
  }
  return glue
}
