// SPDX-License-Identifier: MPL-2.0
import * as v from 'valibot'
import { isRange } from './versions.ts'

const text = v.pipe(v.string('expected a text'), v.nonEmpty('must not be empty'))
const range = v.pipe(
  text,
  v.check(isRange, (issue) => `"${issue.input}" is no range of versions, such as ">=4.3.3 <4.3.6"`),
)
/** A path below a folder, in one spelling only. */
const path = v.pipe(
  text,
  v.check(
    (value) =>
      !value.startsWith('/') &&
      !value.includes('\\') &&
      value.split('/').every((part) => part !== '' && part !== '.' && part !== '..'),
    (issue) => `"${issue.input}" is no plain relative path`,
  ),
)
const slug = v.pipe(
  text,
  v.regex(
    /^[a-z0-9]+(-[a-z0-9]+)*$/,
    (issue) => `"${issue.input}" is no slug: lower-case words and digits joined by "-"`,
  ),
)
/** A commit message as libzmq wants it. */
export const messageSchema = v.pipe(
  text,
  v.check(
    (value) => /^Problem: \S/.test(value) && /\n\nSolution: \S/.test(value),
    'a commit message begins "Problem: …" and has, after an empty line, "Solution: …"',
  ),
  v.check(
    (value) => !/^Series-Entry:/m.test(value),
    'the trailer "Series-Entry:" is written by the toolkit itself',
  ),
)
/** A text or an object, told apart first, so that a mistake is told of the one that was meant. */
function nameOr<const S extends v.GenericSchema>(object: S) {
  return v.lazy((input): typeof path | S => (typeof input === 'object' ? object : path))
}
/** One value or a list of them. */
function oneOrMore<const S extends v.GenericSchema>(one: S, list: string) {
  const many = v.pipe(v.array(one, list), v.minLength(1, 'must not be empty'))
  return v.lazy((input): S | typeof many => (Array.isArray(input) ? many : one))
}
const entry = v.strictObject({
  slug,
  message: messageSchema,
  patch: v.optional(
    oneOrMore(
      nameOr(v.strictObject({ patch: path, releases: v.optional(range) })),
      'expected the name of a patch, or a list of names and of {patch, releases}',
    ),
  ),
  variants: v.optional(
    v.pipe(
      v.array(
        v.strictObject({
          releases: range,
          patch: v.optional(oneOrMore(path, 'expected one name or a list of names')),
        }),
        'expected a list of {releases, patch}',
      ),
      v.minLength(1, 'must not be empty'),
    ),
  ),
  files: v.optional(
    v.array(
      nameOr(v.strictObject({ from: path, to: v.optional(path), releases: v.optional(range) })),
      'expected a list of paths and of {from, to, releases}',
    ),
  ),
})

/** series.yaml as it is written. */
export const manifestSchema = v.strictObject({
  schemaVersion: v.literal(1, 'this toolkit reads schemaVersion 1'),
  name: slug,
  version: v.pipe(
    v.number('expected a whole number'),
    v.integer('expected a whole number'),
    v.minValue(1, 'counts from 1'),
  ),
  supports: range,
  author: v.strictObject({ name: text, email: text }),
  date: v.pipe(
    text,
    v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'expected a date such as "2026-01-01T00:00:00Z"'),
    v.check((value) => !Number.isNaN(Date.parse(value)), 'there is no such date'),
  ),
  entries: v.pipe(
    v.array(entry, 'expected a list of entries'),
    v.minLength(1, 'must not be empty'),
  ),
})

export type Manifest = v.InferOutput<typeof manifestSchema>
export type ManifestEntry = Manifest['entries'][number]
