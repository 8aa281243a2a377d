// SPDX-License-Identifier: MPL-2.0
import { createHash } from 'node:crypto'
import { resolveSeries } from '../series/resolve.ts'
import type { TreeStatus } from '../series/status.ts'
import type { Series } from '../series/types.ts'
import type { Identity } from '../system/git.ts'
import { makeCommits } from './commits.ts'
import type { Evidence } from './evidence.ts'
import { rangeDiff, readGitBundle } from './git-bundle.ts'
import type { Objects } from './objects.ts'
import type { BundleFacts, TreeFile, UpstreamTip } from './types.ts'

export interface CollectOptions {
  series: Series
  status: TreeStatus
  author: Identity
  signOff: boolean
  addAuthor: boolean
  tip: UpstreamTip
  evidence: Evidence
  project: string | undefined
  changes: string | undefined
  /** The bundle of the version before. */
  previous: PreviousBundle | undefined
  now: Date
  evidenceDays: number
}

/** What a later version needs of an earlier bundle. */
export interface PreviousBundle {
  /** Its git bundle; absolute. */
  file: string
  branch: string
  base: string
}

/** Makes the commits in the borrowed repository, and looks at all that the gates ask for. */
export async function collectFacts(
  objects: Objects,
  options: CollectOptions,
): Promise<BundleFacts> {
  const { series, status, author, signOff } = options
  const branch = series.name
  const messages = new Map(resolveSeries(series, status.version).map((e) => [e.slug, e.message]))
  const commits = await makeCommits(objects, {
    base: status.base.commit,
    series: status.applied.commits.flatMap(({ id, slug }) => {
      const message = messages.get(slug)
      return message === undefined ? [] : [{ id, slug, message }]
    }),
    ...{ author, date: series.date, signOff, authors: options.addAuthor },
  })
  const last = commits.at(-1)
  if (!last) throw new Error('the work tree has no commit of the series')
  const base = status.base.commit
  const head = last.id
  const baseDate = await objects.git([
    'log',
    '-1',
    '--date=format-local:%Y-%m-%d',
    '--format=%cd',
    base,
  ])
  const listed = await objects.git(['ls-tree', '-r', '-z', '--name-only', head])
  const paths = listed.split('\0').filter(Boolean)
  const { added, edited } = await changedFiles(objects, base, head)
  const authors = paths.includes('AUTHORS')
    ? await objects.git(['cat-file', 'blob', `${head}:AUTHORS`])
    : undefined
  return {
    name: series.name,
    version: series.version,
    release: status.release,
    zmqVersion: status.version,
    changeId: changeIdOf(series.name),
    base: {
      commit: base,
      tree: status.base.tree,
      date: baseDate.trim(),
      imported: status.base.imported,
    },
    head: { commit: head, tree: last.tree },
    ...{ branch, author, signOff, commits, paths, added, edited },
    seriesHash: status.seriesHash,
    glue: status.glue,
    newLines: added.reduce((sum, { text }) => sum + text.split('\n').length - 1, 0),
    addedLines: await addedLines(objects, base, head),
    authorsFile: authors,
    notExported: whatIsNotExported(status),
    tip: options.tip,
    evidence: options.evidence,
    project: options.project,
    changes: options.changes,
    rangeDiff: await compare(objects, options.previous, { base, head }),
    now: options.now,
    evidenceDays: options.evidenceDays,
  }
}

/** For tools that follow a series over its versions; made of what no version changes. */
function changeIdOf(name: string): string {
  const digest = createHash('sha256').update(`libzmq #2022: ${name}`).digest('hex')
  return `libzmq-2022-${name}-${digest.slice(0, 12)}`
}

function whatIsNotExported(status: TreeStatus): string[] {
  const { applied, changes, edits, notExported, halfDone, stoppedAt } = status
  return [
    ...(stoppedAt === undefined ? [] : [`apply is stopped at "${stoppedAt}"`]),
    ...(halfDone ? ['an apply was killed half-way'] : []),
    ...(applied.count < applied.of ? [`it has ${applied.count} of ${applied.of} entries`] : []),
    ...(notExported > 0 ? [`it has commits of its own (${notExported})`] : []),
    ...(edits.uncommitted.length > 0 ? ['it has edits that are not committed'] : []),
    ...(edits.underWay === undefined ? [] : [`a ${edits.underWay} is under way`]),
    ...changes,
  ]
}

async function changedFiles(
  objects: Objects,
  base: string,
  head: string,
): Promise<{ added: TreeFile[]; edited: TreeFile[] }> {
  const listed = await objects.git([
    'diff-tree',
    '-r',
    '-z',
    '--no-renames',
    '--name-status',
    base,
    head,
  ])
  const fields = listed.split('\0')
  const files: Record<'added' | 'edited', TreeFile[]> = { added: [], edited: [] }
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [status, path = ''] = fields.slice(at, at + 2)
    if (status === 'D') continue
    const text = await objects.git(['cat-file', 'blob', `${head}:${path}`])
    files[status === 'A' ? 'added' : 'edited'].push({ path, text })
  }
  return files
}

async function addedLines(objects: Objects, base: string, head: string): Promise<TreeFile[]> {
  const diff = await objects.git(['diff', '--no-renames', '--unified=0', base, head])
  const lines: TreeFile[] = []
  let path = ''
  for (const line of diff.split('\n')) {
    if (line.startsWith('+++ ')) path = line.slice('+++ b/'.length)
    else if (line.startsWith('+')) lines.push({ path, text: line.slice(1) })
  }
  return lines
}

async function compare(
  objects: Objects,
  previous: PreviousBundle | undefined,
  after: { base: string; head: string },
): Promise<string | undefined> {
  if (!previous) return undefined
  const head = await readGitBundle(objects, previous.file, previous.branch)
  if (head === undefined) return undefined
  return rangeDiff(objects, { base: previous.base, head }, after)
}
