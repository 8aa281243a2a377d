// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { sayEdits, shorten } from '../series/applied.ts'
import type { Glue } from '../series/glue.ts'
import { workDirOf } from '../series/place.ts'
import { findWorkTrees, readStatus, type TreeStatus } from '../series/status.ts'
import { type BuildRecord, readRecord } from '../toolchain/install-prefix.ts'
import { ExitCode } from '../ui/errors.ts'
import { facts } from '../ui/table.ts'
import { projectSeries } from './apply.ts'
import type { Command } from './command.ts'
import { findEvidence, sayEvidence } from './evidence.ts'

export const status: Command = {
  name: 'status',
  summary: 'Show each work tree: base, applied, edits, glue lines, built',
  examples: ['./build status', './build status --release 4.3.4 --json'],
  plan: async (input) => {
    const { context, options } = input
    const series = await projectSeries(input)
    return {
      steps: [],
      report: async () => {
        const dirs = options.release
          ? [workDirOf(context.out, options.release)]
          : await findWorkTrees(context.out)
        const record = readRecord(join(context.out, 'prefix'))
        const trees: TreeStatus[] = []
        for (const dir of dirs) {
          const tree = await readStatus(dir, series, context)
          if (tree) trees.push(tree)
        }
        const evidenceOf = (tree: TreeStatus) => findEvidence(join(context.out, 'reports'), tree)
        const next = trees.flatMap((tree) => nextOf(tree, record))
        return {
          exitCode: ExitCode.done,
          data: {
            schemaVersion: 1,
            series: { name: series.name, version: series.version, supports: series.supports },
            trees: trees.map((tree) => ({
              ...tree,
              built: isBuilt(tree, record),
              evidence: evidenceOf(tree),
            })),
          },
          text:
            trees
              .map((tree) => describe(tree, record, sayEvidence(evidenceOf(tree), context.now())))
              .join('\n\n') || 'There is no work tree yet.',
          next: trees.length > 0 ? next : ['./build apply'],
        }
      },
    }
  },
}

function isBuilt(tree: TreeStatus, record: BuildRecord | undefined): boolean {
  return record?.seriesHash === tree.seriesHash && record.release === tree.release
}

function describe(tree: TreeStatus, record: BuildRecord | undefined, evidence: string): string {
  const { base, applied, edits } = tree
  const kind = base.imported ? 'imported without history' : "upstream's own commit"
  const edited = sayEdits(edits)
  return facts([
    ['work tree', tree.workDir],
    ['release', `${tree.release} (ZMQ_VERSION ${tree.version})`],
    ['base', `${base.commit.slice(0, 12)}, tree ${base.tree.slice(0, 12)}, ${kind}`],
    ['applied', `${applied.count} of ${applied.of}${how(tree)}`],
    ['series', tree.changes.length > 0 ? shorten(tree.changes) : 'as it was applied'],
    ['edits', edited === '' ? 'none' : edited],
    ['exported', describeExported(tree)],
    ['glue', describeGlue(tree.glue)],
    ['built', describeBuilt(tree, record)],
    ...(evidence === '' ? [] : [['evidence', evidence] as const]),
  ])
}

function describeExported({ notExported, gone }: TreeStatus): string {
  const differences = [
    ...(notExported > 0 ? [plural(notExported, 'commit')] : []),
    ...(gone > 0 ? [`${plural(gone, 'commit')} of the series gone or changed`] : []),
  ]
  return differences.length > 0 ? `no: ${differences.join(', ')}` : 'yes'
}

function how({ halfDone, stoppedAt }: TreeStatus): string {
  if (stoppedAt !== undefined) return `, stopped at "${stoppedAt}"`
  return halfDone ? ', killed half-way' : ''
}

const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`

function describeGlue(glue: Glue): string {
  return Object.entries(glue)
    .filter(([, { added, removed }]) => added + removed > 0)
    .map(([area, { added, removed }]) => `${area} +${added} -${removed}`)
    .join(', ')
}

function describeBuilt(tree: TreeStatus, record: BuildRecord | undefined): string {
  if (!record) return 'no'
  if (isBuilt(tree, record))
    return `yes, by ${record.buildSystem}${record.edited ? ', with edits' : ''}`
  return record.release === tree.release
    ? 'no: the prefix is of another state of the series'
    : `no: the prefix is of libzmq ${record.release}`
}

function nextOf(tree: TreeStatus, record: BuildRecord | undefined): string[] {
  const { uncommitted, moved, underWay } = tree.edits
  if (tree.stoppedAt !== undefined) return [`./build apply --continue --release ${tree.release}`]
  const edited = uncommitted.length > 0 || moved || underWay !== undefined
  if (edited) return [`./build export --release ${tree.release}`]
  if (tree.changes.length > 0 || tree.halfDone) return [`./build apply --release ${tree.release}`]
  return isBuilt(tree, record) ? [] : [`./build compile --release ${tree.release}`]
}
