// SPDX-License-Identifier: MPL-2.0
import { YAML } from 'zx'

/**
 * The text of series.yaml cut into entries, so that an export rewrites only what changed and
 * leaves comments, order of keys and white space alone.
 */
export interface ManifestText {
  /** Up to the first entry. */
  head: string
  entries: readonly EntryText[]
  /** Behind the last entry. */
  tail: string
}

export interface EntryText {
  slug: string
  /** Empty lines and comments that are not right above an entry, between it and the one before. */
  before: string
  /** Whole lines, from the comment right above the entry to its end. */
  text: string
}

type Path = readonly (string | number)[]
interface Node {
  range: [number, number, number]
  items?: { key?: { value: unknown; range: [number, number, number] }; value?: Node }[]
  flow?: boolean
}

const parse = (text: string) => YAML.parseDocument(text, { prettyErrors: false })
const lineStart = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1
/** The first line start at or behind a place. */
const lineEnd = (text: string, at: number): number => {
  if (at > 0 && text[at - 1] === '\n') return at
  const newline = text.indexOf('\n', at)
  return newline < 0 ? text.length : newline + 1
}

/** Cuts the text of a manifest that is known to be valid and to have a block list of entries. */
export function cutManifest(text: string): ManifestText {
  const document = parse(text)
  const list: Node = document.get('entries', true)
  const entries: EntryText[] = []
  let end = 0
  let head = ''
  for (const [index] of (list.items ?? []).entries()) {
    const node: Node = document.getIn(['entries', index], true)
    let start = lineStart(text, node.range[0])
    const floor = index === 0 ? lineEnd(text, text.search(/^entries:/m) + 1) : end
    while (start > floor) {
      const above = lineStart(text, start - 1)
      if (above < floor || !/^\s*#/.test(text.slice(above, start))) break
      start = above
    }
    const before = index === 0 ? '' : text.slice(end, start)
    if (index === 0) head = text.slice(0, start)
    end = trimmedEnd(text, start, lineEnd(text, node.range[1]))
    const slug = String(document.getIn(['entries', index, 'slug']))
    entries.push({ slug, before, text: text.slice(start, end) })
  }
  return { head, entries, tail: text.slice(end) }
}

/** The end without the empty lines that a block text takes along. */
function trimmedEnd(text: string, start: number, end: number): number {
  const kept = text.slice(start, end).trimEnd().length
  return lineEnd(text, start + kept)
}

/** Puts a manifest together again; without changes it is the text that was cut. */
export function joinManifest(manifest: ManifestText): string {
  const usual = manifest.entries.find((entry) => entry.before !== '')?.before ?? ''
  const parts = manifest.entries.map((entry, index) => {
    if (index === 0) return entry.before.trim() === '' ? entry.text : entry.before + entry.text
    return (entry.before === '' && usual.trim() === '' ? usual : entry.before) + entry.text
  })
  return manifest.head + parts.join('') + manifest.tail
}

/** A new entry, written as series.yaml is written by hand. */
export function renderEntry(
  slug: string,
  message: string,
  patch: string | undefined,
  files: readonly string[],
): EntryText {
  const lines = [
    `  - slug: ${slug}`,
    '    message: |',
    ...messageLines(message, 6),
    ...(patch ? [`    patch: ${patch}`] : []),
    ...(files.length > 0 ? ['    files:', ...files.map((file) => `      - ${file}`)] : []),
  ]
  return { slug, before: '', text: `${lines.join('\n')}\n` }
}

const messageLines = (message: string, indent: number): string[] =>
  message
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '' : ' '.repeat(indent) + line))

/** Column of an entry's keys. */
function keyColumn(text: string): number {
  const item: Node = parse(text).getIn([0], true)
  return item.range[0] - lineStart(text, item.range[0])
}

export function setMessage(text: string, message: string): string {
  const column = keyColumn(text)
  const node: Node = parse(text).getIn([0, 'message'], true)
  const lines = ['|', ...messageLines(message, column + 2)]
  const end = trimmedEnd(text, node.range[0], lineEnd(text, node.range[1]))
  return `${text.slice(0, node.range[0])}${lines.join('\n')}\n${text.slice(end)}`
}

/** Adds `patch: <name>` behind the message, for an entry that has none. */
export function addPatch(text: string, name: string): string {
  const node: Node = parse(text).getIn([0, 'message'], true)
  const end = trimmedEnd(text, node.range[0], lineEnd(text, node.range[1]))
  return `${text.slice(0, end)}${' '.repeat(keyColumn(text))}patch: ${name}\n${text.slice(end)}`
}

/** Adds a file to an entry's list, at its end. */
export function addFile(text: string, file: string): string {
  const list: Node | undefined = parse(text).getIn([0, 'files'], true)
  const column = keyColumn(text)
  if (!list) {
    const pad = ' '.repeat(column)
    return `${text}${pad}files:\n${pad}  - ${file}\n`
  }
  if (list.flow) return addFile(unfold(text, [0, 'files']), file)
  const last: Node = parse(text).getIn([0, 'files', (list.items?.length ?? 1) - 1], true)
  const start = lineStart(text, last.range[0])
  const dash = text.slice(start, last.range[0])
  const end = lineEnd(text, last.range[1])
  return `${text.slice(0, end)}${dash}${file}\n${text.slice(end)}`
}

/** The text of a value as it is written. */
export function itemText(text: string, path: Path): string {
  const node: Node = parse(text).getIn(path, true)
  return text.slice(node.range[0], node.range[1])
}

/** Takes an item out of a list, or a key out of an entry; an empty list goes with its key. */
export function removeAt(text: string, path: Path): string {
  const document = parse(text)
  const parent = path.slice(0, -1)
  const holder: Node = document.getIn(parent, true)
  const name = path.at(-1)
  if (typeof name === 'number') {
    if (holder.items?.length === 1) return removeAt(text, parent)
    if (holder.flow) return removeAt(unfold(text, parent), path)
    const node: Node = document.getIn(path, true)
    return cutLines(text, node.range[0], node.range[1])
  }
  const pair = holder.items?.find((item) => item.key?.value === name)
  if (!pair?.key) return text
  const end = pair.value?.range[1] ?? pair.key.range[1]
  if (holder.flow) return removeFromFlow(text, holder, pair.key.range[0], end)
  return cutLines(text, pair.key.range[0], end)
}

/** "{ a: 1, b: 2 }" without one of its pairs. */
function removeFromFlow(text: string, holder: Node, start: number, end: number): string {
  const after = /^\s*,\s*/.exec(text.slice(end, holder.range[1]))
  if (after) return text.slice(0, start) + text.slice(end + after[0].length)
  const before = /,\s*$/.exec(text.slice(holder.range[0], start))
  return text.slice(0, start - (before?.[0].length ?? 0)) + text.slice(end)
}

function cutLines(text: string, start: number, end: number): string {
  const from = lineStart(text, start)
  return text.slice(0, from) + text.slice(trimmedEnd(text, from, lineEnd(text, end)))
}

/** "[a, b]" as a list with a line for each. */
function unfold(text: string, path: Path): string {
  const document = parse(text)
  const list: Node = document.getIn(path, true)
  const pad = ' '.repeat(keyColumn(text) + 2)
  const items = (list.items ?? []).map((_, index) => {
    const node: Node = document.getIn([...path, index], true)
    return `\n${pad}- ${text.slice(node.range[0], node.range[1])}`
  })
  const start = text.slice(0, list.range[0]).trimEnd()
  return start + items.join('') + text.slice(list.range[1])
}

/** Puts another text where a value is. */
export function replaceValue(text: string, path: Path, value: string): string {
  const node: Node = parse(text).getIn(path, true)
  return text.slice(0, node.range[0]) + value + text.slice(node.range[1])
}

/** Adds an item to a list behind the one at `index`. */
export function insertItem(text: string, path: Path, index: number, item: string): string {
  const list: Node = parse(text).getIn(path, true)
  if (list.flow) return insertItem(unfold(text, path), path, index, item)
  const node: Node = parse(text).getIn([...path, index], true)
  const start = lineStart(text, node.range[0])
  const dash = text.slice(start, node.range[0])
  const end = trimmedEnd(text, start, lineEnd(text, node.range[1]))
  return `${text.slice(0, end)}${dash}${item}\n${text.slice(end)}`
}

/** Adds a key with a list behind another key, or in its place. */
export function addList(
  text: string,
  behind: string,
  name: string,
  items: readonly string[],
  instead = false,
): string {
  const entry: Node = parse(text).getIn([0], true)
  const pair = entry.items?.find((item) => item.key?.value === behind)
  if (!pair?.key || !pair.value) throw new Error(`no ${behind} in:\n${text}`)
  const pad = ' '.repeat(keyColumn(text))
  const lines = [`${pad}${name}:`, ...items.map((item) => `${pad}  - ${item}`)]
  const start = lineStart(text, pair.key.range[0])
  const end = trimmedEnd(text, start, lineEnd(text, pair.value.range[1]))
  return `${text.slice(0, instead ? start : end)}${lines.join('\n')}\n${text.slice(end)}`
}
