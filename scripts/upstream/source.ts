// SPDX-License-Identifier: MPL-2.0
import { resolve } from 'node:path'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { SourceSpec } from './types.ts'

/** Reads --source; paths are taken relative to `cwd`. */
export function parseSource(text: string, cwd = process.cwd()): SourceSpec {
  if (text === 'auto' || text === 'github' || text === 'debian') return { kind: text }
  const [, kind, rest] = /^(git|dir):(.*)$/s.exec(text) ?? []
  if (kind !== undefined && rest !== undefined && rest !== '' && !rest.startsWith('-')) {
    if (kind === 'dir') return { kind, path: resolve(cwd, rest) }
    return { kind: 'git', url: isUrl(rest) ? rest : resolve(cwd, rest) }
  }
  throw new UserError({
    message: unreadable(text, kind),
    hint: 'Give --source auto, github, debian, git:<url or path> or dir:<folder or tarball>.',
    exitCode: ExitCode.usage,
  })
}

function unreadable(text: string, kind: string | undefined): string {
  if (kind !== undefined || text === 'git' || text === 'dir') {
    const what = (kind ?? text) === 'git' ? 'the URL or path of a repository' : 'a path'
    return `"${text}" lacks ${what} behind "${kind ?? text}:".`
  }
  return `"${text}" is no source of libzmq.`
}

/** A URL, or ssh's short form host:path; anything else is a path. */
export function isUrl(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text) || /^[^/.][^/]*:/.test(text)
}

/** A source as it may be shown and stored: a password in a URL is left out. */
export function withoutSecret(url: string): string {
  return url.replace(/^([A-Za-z][A-Za-z0-9+.-]*:\/\/)[^/@]*@/, '$1')
}

/** The source as it would be typed. */
export function formatSource(source: SourceSpec): string {
  if (source.kind === 'git') return `git:${withoutSecret(source.url)}`
  return source.kind === 'dir' ? `dir:${source.path}` : source.kind
}
