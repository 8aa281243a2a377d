// SPDX-License-Identifier: MPL-2.0
import { commandLine } from '../ui/quote.ts'

/** Options that were typed, and that a command to type next needs again. */
export interface Given {
  release?: string | undefined
  source?: string | undefined
  out?: string | undefined
}

/** Commands that go on with what is there, and have no use for a source. */
const sourceless = ['export', 'status', 'clean', 'doctor']
const releaseless = ['clean', 'doctor']

/** A text with the commands in it as they are to be typed: with what was given this time, too. */
export function withGiven(text: string, given: Given, commands: readonly string[]): string {
  const parts = text.split(/(?=\.\/build [a-z])/)
  return parts.map((part) => complete(part, given, commands)).join('')
}

/** A text with one command, at its start. */
function complete(text: string, { release, source, out }: Given, commands: readonly string[]) {
  const [head = '', command = ''] = /^\.\/build ([a-z]+)(?![\w-])/.exec(text) ?? []
  if (!commands.includes(command)) return text
  const line = text.split('\n', 1)[0] ?? ''
  const resumes = / --(continue|skip|abort)\b/.test(line)
  const lacks = (name: string) => !new RegExp(` --${name}s?\\b`).test(line)
  const more = [
    ...(release && lacks('release') && !releaseless.includes(command)
      ? ['--release', release]
      : []),
    ...(source && lacks('source') && !resumes && !sourceless.includes(command)
      ? ['--source', source]
      : []),
    ...(out && lacks('out') ? ['--out', out] : []),
  ]
  return [head, ...(more.length > 0 ? [commandLine(more)] : [])].join(' ') + text.slice(head.length)
}
