// SPDX-License-Identifier: MPL-2.0

/** One "@@" part of a patch. */
export interface Hunk {
  /** First line in the old file that it stands on, from 1; 0 in an empty file. */
  oldStart: number
  oldCount: number
  newStart: number
  newCount: number
  /** Its lines with their " ", "-" or "+"; a "\" line says that the line before it has no newline. */
  lines: readonly string[]
  /** Line in the patch, from 1. */
  at: number
}

/** All that a patch does to one file. */
export interface FilePatch {
  /** Path in libzmq's tree. */
  path: string
  kind: 'edit' | 'create' | 'delete' | 'rename' | 'binary'
  hunks: readonly Hunk[]
  /** Lines of the patch that it takes: first (from 1) and last. */
  from: number
  to: number
}

export interface ParsedPatch {
  files: readonly FilePatch[]
  mistakes: readonly { line: number; text: string }[]
}

/**
 * Reads the text of a `git diff`. Bytes are kept one to one as latin1 characters, so that a file
 * in any encoding survives.
 */
export function parsePatch(bytes: Buffer): ParsedPatch {
  const text = bytes.toString('latin1')
  const lines = text.split('\n')
  const mistakes: { line: number; text: string }[] = []
  if (lines.at(-1) === '') lines.pop()
  else if (lines.length > 0)
    mistakes.push({ line: lines.length, text: 'the last line has no newline' })
  const files: FilePatch[] = []
  let index = lines.findIndex((line) => line.startsWith('diff --git '))
  if (index === -1) {
    return { files, mistakes: [{ line: 1, text: 'there is no "diff --git" line in it' }] }
  }
  if (index > 0) {
    mistakes.push({
      line: 1,
      text: `the text before the first "diff --git" (line ${index + 1}) does not belong here: the message stands in series.yaml`,
    })
  }
  while (index < lines.length) {
    const file = readFile(lines, index, mistakes)
    files.push(file)
    index = file.to
  }
  return { files, mistakes }
}

function readFile(
  lines: readonly string[],
  start: number,
  mistakes: { line: number; text: string }[],
): FilePatch {
  const header = /^diff --git a\/(.+) b\/(.+)$/.exec(lines[start] ?? '')
  const path = header?.[2] ?? ''
  if (!header || path.includes('"')) {
    mistakes.push({ line: start + 1, text: 'expected "diff --git a/<path> b/<path>"' })
  }
  let kind: FilePatch['kind'] = header && header[1] !== header[2] ? 'rename' : 'edit'
  const hunks: Hunk[] = []
  let index = start + 1
  for (; index < lines.length; index++) {
    const line = lines[index] ?? ''
    if (line.startsWith('diff --git ')) break
    if (line.startsWith('new file mode')) kind = 'create'
    else if (line.startsWith('deleted file mode')) kind = 'delete'
    else if (/^(rename|copy) (from|to) /.test(line)) kind = 'rename'
    else if (line.startsWith('GIT binary patch') || /^Binary files .* differ$/.test(line))
      kind = 'binary'
    else if (line.startsWith('@@ ')) {
      const hunk = readHunk(lines, index, mistakes)
      hunks.push(hunk)
      index += hunk.lines.length
    } else if (
      kind !== 'binary' &&
      !/^(index |old mode|new mode|--- |\+\+\+ |similarity )/.test(line)
    ) {
      mistakes.push({ line: index + 1, text: `"${line}" is no part of a "git diff"` })
    }
  }
  return { path, kind, hunks, from: start + 1, to: index }
}

function readHunk(
  lines: readonly string[],
  start: number,
  mistakes: { line: number; text: string }[],
): Hunk {
  const header = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(lines[start] ?? '')
  if (!header)
    mistakes.push({ line: start + 1, text: 'expected "@@ -<line>,<count> +<line>,<count> @@"' })
  const number = (group: number, otherwise: number): number =>
    header?.[group] === undefined ? otherwise : Number(header[group])
  const oldCount = number(2, 1)
  const newCount = number(4, 1)
  const body: string[] = []
  let old = 0
  let fresh = 0
  let index = start + 1
  for (; index < lines.length; index++) {
    const line = lines[index] ?? ''
    const sign = line[0]
    if (sign === '\\') {
      body.push(line)
      continue
    }
    if (old >= oldCount && fresh >= newCount) break
    if (sign !== ' ' && sign !== '-' && sign !== '+') break
    if (sign !== '+') old++
    if (sign !== '-') fresh++
    body.push(line)
  }
  if (header && (old !== oldCount || fresh !== newCount)) {
    mistakes.push({
      line: start + 1,
      text: `the hunk says -${oldCount} +${newCount} lines but has -${old} +${fresh}`,
    })
  }
  return {
    oldStart: number(1, 0),
    oldCount,
    newStart: number(3, 0),
    newCount,
    lines: body,
    at: start + 1,
  }
}

/** The lines that a hunk wants to find, and those that it leaves; without their signs. */
export function hunkSides(hunk: Hunk): { old: string[]; new: string[] } {
  const side = (skip: string): string[] =>
    hunk.lines.filter((line) => line[0] !== skip && line[0] !== '\\').map((line) => line.slice(1))
  return { old: side('+'), new: side('-') }
}

/** Lines added and removed. */
export function countLines(files: readonly FilePatch[]): { added: number; removed: number } {
  const lines = files.flatMap((file) => file.hunks).flatMap((hunk) => hunk.lines)
  return {
    added: lines.filter((line) => line[0] === '+').length,
    removed: lines.filter((line) => line[0] === '-').length,
  }
}
