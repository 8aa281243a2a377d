// SPDX-License-Identifier: MPL-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeWhole } from '../toolchain/stamp.ts'
import { markdownTable } from './formats.ts'
import { sayGlue } from './prepare.ts'
import { sayPlan, type VerifyReport } from './report.ts'
import type { CellResult, ReleaseResult, VariantVerdict } from './types.ts'

/** docs/compatibility.json: what a run of verify has found, without the machine's own paths. */
export interface Compatibility {
  schemaVersion: 1
  date: string
  series: VerifyReport['series']
  compiler: string
  libscif: VerifyReport['libscif']
  releases: readonly Pick<
    ReleaseResult,
    | 'release'
    | 'version'
    | 'commit'
    | 'tree'
    | 'applied'
    | 'seriesHash'
    | 'status'
    | 'reason'
    | 'variants'
    | 'glue'
  >[]
  cells: readonly Pick<
    CellResult,
    | 'release'
    | 'buildSystem'
    | 'scif'
    | 'others'
    | 'status'
    | 'reason'
    | 'tests'
    | 'symbolsEqual'
    | 'everyCommit'
    | 'with'
    | 'without'
  >[]
  variants: readonly VariantVerdict[]
}

/** The releases, but no branches, of which all was well. */
export function verifiedReleases({ releases, cells }: Compatibility): string[] {
  const failed = cells.filter(({ status }) => status === 'failed').map(({ release }) => release)
  return releases
    .filter(({ release, version, status }) => release === version && status === 'passed')
    .map(({ release }) => release)
    .filter((release) => !failed.includes(release))
}

const fileName = 'compatibility'

/** Of a report what lasts. */
export function compatibilityOf(report: VerifyReport): Compatibility {
  const { date, series, compiler, libscif, releases, cells, variants } = report
  return {
    schemaVersion: 1,
    ...{ date, series, compiler, libscif },
    releases: releases.map((one) =>
      pick(one, [
        ...(['release', 'version', 'commit', 'tree', 'applied', 'seriesHash'] as const),
        ...(['status', 'reason', 'variants', 'glue'] as const),
      ]),
    ),
    cells: cells.map((one) =>
      pick(one, [
        ...(['release', 'buildSystem', 'scif', 'others', 'status', 'reason', 'tests'] as const),
        ...(['symbolsEqual', 'everyCommit', 'with', 'without'] as const),
      ]),
    ),
    variants,
  }
}

function pick<T extends object, K extends keyof T>(value: T, names: readonly K[]): Pick<T, K> {
  const pairs = names.filter((name) => value[name] !== undefined).map((name) => [name, value[name]])
  return Object.fromEntries(pairs)
}

/** docs/compatibility.json; undefined when there is none. */
export function readCompatibility(docs: string): Compatibility | undefined {
  try {
    return JSON.parse(readFileSync(join(docs, `${fileName}.json`), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Writes docs/compatibility.json, and .md from it. */
export function writeCompatibility(docs: string, value: Compatibility): void {
  writeWhole(join(docs, `${fileName}.json`), `${JSON.stringify(value, null, 2)}\n`)
  writeWhole(join(docs, `${fileName}.md`), compatibilityText(value))
}

const words = { passed: 'yes', failed: '**no**', unsupported: 'not supported', unavailable: '-' }

/** The page. */
export function compatibilityText(value: Compatibility): string {
  const { date, series, compiler, libscif, releases, cells, variants } = value
  const id = (text: string | undefined) => (text ? `\`${text.slice(0, 12)}\`` : '-')
  const rows = releases.map((one) => [
    one.release === one.version ? one.release : `${one.release} (${one.version})`,
    id(one.commit),
    id(one.tree),
    id(one.applied),
    id(one.seriesHash),
    words[one.status],
    one.glue ? sayGlue(one.glue) : '-',
  ])
  const builds = cells.map((one) => [
    one.release,
    one.buildSystem,
    sayPlan(one),
    words[one.status],
    one.tests ? `${one.tests.passed} / ${one.tests.failed} / ${one.tests.skipped}` : '-',
    one.symbolsEqual === undefined ? '-' : one.symbolsEqual ? 'as upstream' : '**differ**',
    one.everyCommit
      ? one.everyCommit.failed.length > 0
        ? `**${one.everyCommit.failed.join(', ')}**`
        : `all ${one.everyCommit.commits}`
      : '-',
  ])
  const beside = cells.flatMap((one) =>
    one.with
      ? [
          `- ${one.release}: built beside ${one.with.join(', ')}${one.without?.length ? `; not to be had: ${one.without.join(', ')}` : ''}.`,
        ]
      : [],
  )
  const failures = [...releases, ...cells].flatMap(({ release, reason }) =>
    reason ? [`- ${release}: ${reason}`] : [],
  )
  return [
    '# Compatibility',
    '',
    '<!-- Written by ./build verify --write-docs from docs/compatibility.json; edit neither. -->',
    '',
    `What \`./build verify\` found on ${date.slice(0, 10)} with version ${series.version} of the series (${series.entries} entries), ${compiler}, ${sayLibscif(libscif)}. A tree is git's id of all files of a release; "with the series" is that of the release with all commits of the series on it.`,
    '',
    markdownTable(
      ['libzmq', 'commit', 'tree', 'with the series', 'series', 'applies', 'glue, lines'],
      rows,
    ),
    '',
    '## Builds',
    '',
    "Tests are programs: passed, failed, skipped. One that fails on upstream's own source as well counts as skipped. A build that is not listed was not run.",
    '',
    markdownTable(
      ['libzmq', 'built by', 'scif', 'passes', 'tests', 'symbols', 'every commit'],
      builds,
    ),
    '',
    ...(beside.length > 0 ? ['## Beside other transports', '', ...beside, ''] : []),
    ...(failures.length > 0 ? ['## Failures', '', ...failures, ''] : []),
    '## Variants',
    '',
    'A patch that not every release takes has variants by range. One is needed when no other variant does the same.',
    '',
    markdownTable(
      ['entry', 'releases', 'verdict', 'because'],
      variants.map((one) => [one.slug, `\`${one.releases}\``, one.verdict, one.because]),
    ),
    '',
  ].join('\n')
}

function sayLibscif({ kind, version }: VerifyReport['libscif']): string {
  return kind === 'soft' ? 'SoftSCIF' : `libscif ${version ?? kind}`
}
