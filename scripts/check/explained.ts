// SPDX-License-Identifier: MPL-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { satisfies, validRange } from 'semver'
import * as v from 'valibot'
import { readYaml } from '../series/yaml-source.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { Explanation } from './types.ts'

/** Below the repository's root. */
export const listFile = join('native-tests', 'rewrite', 'explained.yaml')

const word = v.pipe(v.string(), v.regex(/^[A-Za-z_]\w*$/, 'is not the name of a program or a case'))
const sentence = v.pipe(v.string(), v.minLength(10, 'does not say why'))
const list = v.strictObject({
  schemaVersion: v.literal(1),
  floor: v.pipe(v.number(), v.integer(), v.minValue(1)),
  kinds: v.record(v.string(), sentence),
  explanations: v.array(
    v.strictObject({
      program: word,
      cases: v.optional(v.pipe(v.array(word), v.minLength(1, 'is empty: leave it out'))),
      kind: v.string(),
      why: sentence,
      releases: v.optional(
        v.pipe(
          v.string(),
          v.check((range) => validRange(range) !== null, 'is not a range of versions'),
        ),
      ),
      ipc: v.optional(v.literal('passes')),
      unstable: v.optional(v.literal(true)),
      mayFail: v.optional(v.literal(true)),
    }),
  ),
})

/** What cannot pass over scif, and why. */
export interface ExplainedList {
  /** Programs that have to pass over scif at least. */
  floor: number
  /** The sorts of reasons, by name. */
  kinds: Readonly<Record<string, string>>
  explanations: readonly Explanation[]
}

/**
 * Reads the list for a version of libzmq. Mistakes in it are a UserError (exit code 2) with their
 * places.
 */
export function parseExplained(text: string, file: string, version: string): ExplainedList {
  const source = readYaml(text)
  const mistakes = source.mistakes.map(({ position, text: what }) => ({ ...position, what }))
  const result = v.safeParse(list, source.value)
  if (mistakes.length === 0 && !result.success)
    for (const issue of result.issues) {
      const path = (issue.path ?? []).map(({ key }) => key as string | number)
      mistakes.push({ ...source.position(path), what: `${path.join('.')}: ${issue.message}` })
    }
  if (mistakes.length === 0 && result.success)
    result.output.explanations.forEach(({ kind }, index) => {
      if (kind in result.output.kinds) return
      const position = source.position(['explanations', index, 'kind'])
      mistakes.push({ ...position, what: `"${kind}" is none of the kinds` })
    })
  if (mistakes.length > 0 || !result.success)
    throw new UserError({
      message: `${file} has ${mistakes.length === 1 ? 'a mistake' : 'mistakes'}.`,
      details: mistakes.map((one) => `${file}:${one.line}:${one.column}: ${one.what}`).join('\n'),
      hint: 'Put it right, and type the command again; its first lines tell the format.',
      exitCode: ExitCode.usage,
    })
  const { floor, kinds, explanations } = result.output
  return {
    floor,
    kinds,
    explanations: explanations
      .filter(({ releases }) => releases === undefined || satisfies(version, releases))
      .map(({ program, cases, kind, why, ipc, unstable, mayFail }) => ({
        ...{ program, kind, why: why.trim() },
        ...(cases ? { cases } : {}),
        passesOverIpc: ipc === 'passes',
        unstable: unstable === true,
        mayFail: mayFail === true,
      })),
  }
}

/** The list of the repository, for a version of libzmq. */
export function readExplained(root: string, version: string): ExplainedList {
  return parseExplained(readFileSync(join(root, listFile), 'utf8'), listFile, version)
}

/** What the list has for a program. */
export function explanationsOf(list: ExplainedList, program: string): Explanation[] {
  return list.explanations.filter((one) => one.program === program)
}

/** Whether the program cannot be run over scif at all. */
export function isWholeProgram(list: ExplainedList, program: string): boolean {
  return explanationsOf(list, program).some(({ cases }) => !cases)
}

/** The cases that are left on tcp or ipc while the rest of the program runs over scif. */
export function keptCases(list: ExplainedList, program: string): string[] {
  return explanationsOf(list, program).flatMap(({ cases }) => cases ?? [])
}
