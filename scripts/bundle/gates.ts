// SPDX-License-Identifier: MPL-2.0
import { closest } from '../ui/closest.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import { evidenceGates } from './gates-evidence.ts'
import { seriesGates } from './gates-series.ts'
import { treeGates } from './gates-tree.ts'
import type { BundleFacts, Gate, GateResult } from './types.ts'

/** All gates, in the order in which they are told. */
export const gates: readonly Gate[] = [...seriesGates, ...treeGates, ...evidenceGates]

/** "distcheck=no TeX here; docs=…" as name and reason; a UserError (exit code 2) for anything else. */
export function parseWaivers(text: string | undefined): Map<string, string> {
  const waivers = new Map<string, string>()
  for (const part of (text ?? '').split(';')) {
    if (part.trim() === '') continue
    const at = part.indexOf('=')
    const name = (at < 0 ? part : part.slice(0, at)).trim()
    const reason = at < 0 ? '' : part.slice(at + 1).trim()
    const names = gates.map((gate) => gate.name)
    if (!names.includes(name)) {
      const near = closest(name, names)
      throw usage(
        `There is no gate "${name}".`,
        near ? `Did you mean --waive ${near}=<reason>?` : `The gates are ${names.join(', ')}.`,
      )
    }
    if (reason === '')
      throw usage(
        `The gate "${name}" is waived without a reason.`,
        `Say why, the bundle shows it: --waive "${name}=<reason>"`,
      )
    waivers.set(name, reason)
  }
  return waivers
}

const usage = (message: string, hint: string): UserError =>
  new UserError({ message, hint, exitCode: ExitCode.usage })

/** Looks at every gate. A waiver of one that is open is not used. */
export function lookAtGates(
  facts: BundleFacts,
  waivers: ReadonlyMap<string, string>,
): GateResult[] {
  return gates.map(({ name, title, look }) => {
    const finding = look(facts)
    const waived = finding.ok ? undefined : waivers.get(name)
    return { name, title, ...finding, ...(waived === undefined ? {} : { waived }) }
  })
}

/** Those that keep the bundle from being written. */
export const closedGates = (results: readonly GateResult[]): GateResult[] =>
  results.filter((gate) => !gate.ok && gate.waived === undefined)

/** Gates for people: a line each, and for a closed one what to do. */
export function describeGates(results: readonly GateResult[]): string {
  const width = Math.max(...results.map((gate) => gate.name.length))
  return results
    .map((gate) => {
      const state = gate.ok ? 'open  ' : gate.waived === undefined ? 'CLOSED' : 'waived'
      const more =
        gate.waived !== undefined
          ? `\n${' '.repeat(width + 10)}waived: ${gate.waived}`
          : gate.fix === undefined
            ? ''
            : `\n${' '.repeat(width + 10)}${gate.fix}`
      return `${state}  ${gate.name.padEnd(width)}  ${gate.sentence}${more}`
    })
    .join('\n')
}
