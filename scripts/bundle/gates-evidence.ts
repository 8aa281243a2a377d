// SPDX-License-Identifier: MPL-2.0
import { commandOf, type ReportName, reportNames, type VerifyCell } from './evidence.ts'
import { daysBetween, open, shut } from './gates-series.ts'
import type { BundleFacts, Finding, Gate } from './types.ts'

/** What was run, on this very series. */
export const evidenceGates: readonly Gate[] = [
  { name: 'evidence', title: 'The evidence is of this series, and fresh', look: lookAtEvidence },
  { name: 'every-commit', title: 'Every commit builds', look: lookAtCommits },
  { name: 'tests', title: 'The tests pass', look: lookAtTests },
  proof('clang-format', 'The sources are formatted'),
  proof('cxx98', 'The C++98 lane builds'),
  proof('distcheck', 'make distcheck passes'),
  proof('docs', 'The manual pages build'),
]

/** How to get a report of what the bundle is of. */
const commandFor = (name: ReportName, { release }: BundleFacts): string =>
  `${commandOf[name]} --release ${release}`

function lookAtEvidence(facts: BundleFacts): Finding {
  for (const name of reportNames) {
    const fault = faultOf(name, facts) ?? ageFaultOf(name, facts)
    if (fault !== undefined)
      return shut(`The report of ${commandOf[name]} ${fault}.`, commandFor(name, facts))
  }
  return open(`The reports ${reportNames.join(', ')} are of this series and this base.`)
}

/** What keeps a report from being evidence for this series, as the end of a sentence. */
function faultOf(name: ReportName, facts: BundleFacts): string | undefined {
  const { evidence, seriesHash, base } = facts
  const problem = evidence.problems[name]
  if (problem !== undefined) return `can't be used (${problem})`
  const report = evidence[name]
  if (!report) return 'is missing'
  if ('cells' in report) {
    if (cellsOfBase(facts).length === 0) return 'has no cell of this series on this base'
    return undefined
  }
  if (report.seriesHash !== seriesHash) return 'is of another state of the series'
  if (report.tree !== base.tree) return 'is of another base'
  return report.edited ? 'is of a work tree with edits' : undefined
}

/** The same for its age, which only the gate "evidence" minds. */
function ageFaultOf(name: ReportName, facts: BundleFacts): string | undefined {
  const date = facts.evidence[name]?.date ?? ''
  if (daysBetween(date, facts.now) <= facts.evidenceDays) return undefined
  return `is of ${date.slice(0, 10)}, more than ${facts.evidenceDays} days ago`
}

/** The cells of verify that are of this series and this base. */
function cellsOfBase({ evidence, base, seriesHash }: BundleFacts): VerifyCell[] {
  return (evidence.verify?.cells ?? []).filter(
    (cell) => cell.tree === base.tree && cell.seriesHash === seriesHash,
  )
}

function lookAtCommits(facts: BundleFacts): Finding {
  const fix = commandFor('verify', facts)
  const count = facts.commits.filter((commit) => commit.slug !== undefined).length
  for (const scif of [true, false]) {
    const how = scif ? 'with scif' : 'without scif'
    const cell = cellsOfBase(facts).find((one) => one.scif === scif && one.everyCommit)
    if (!cell?.everyCommit) return shut(`Nothing shows that every commit builds ${how}.`, fix)
    const { commits, failed } = cell.everyCommit
    if (failed.length > 0) return shut(`Not every commit builds ${how}: ${failed.join(', ')}.`, fix)
    if (commits < count) return shut(`Only ${commits} of ${count} commits were built ${how}.`, fix)
  }
  return open(`Each of the ${count} commits builds, with and without scif.`)
}

function lookAtTests(facts: BundleFacts): Finding {
  const { check } = facts.evidence
  if (!check || faultOf('check', facts))
    return shut('Nothing shows that the tests of this series pass.', commandFor('check', facts))
  const { passed, failed, skipped } = check.totals
  if (failed > 0 || passed === 0)
    return shut(`Of the tests ${failed} failed, and ${passed} passed.`, commandFor('check', facts))
  const cells = cellsOfBase(facts)
  for (const system of ['autotools', 'cmake']) {
    for (const scif of [true, false]) {
      const cell = cells.find(
        (one) => one.buildSystem === system && one.scif === scif && !one.others,
      )
      if (cell?.status !== 'passed')
        return shut(
          `By ${system} ${scif ? 'with' : 'without'} scif ${cell ? `it is "${cell.status}"` : 'nothing was run'}.`,
          commandFor('verify', facts),
        )
    }
  }
  return open(
    `${passed} tests passed, ${skipped} were skipped, none failed, by both build systems.`,
  )
}

/** A gate that opens by what --prove found. */
function proof(name: string, title: string): Gate {
  return {
    name,
    title,
    look: (facts) => {
      const fix = commandFor('prove', facts)
      const found = facts.evidence.prove?.proofs.find((one) => one.name === name)
      if (!found || faultOf('prove', facts) !== undefined)
        return shut('It was not tried on this series.', fix)
      return found.passed ? open(`${found.detail}.`) : shut(`It fails: ${found.detail}.`, fix)
    },
  }
}
