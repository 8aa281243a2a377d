// SPDX-License-Identifier: MPL-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

export interface MarkdownFile {
  /** From the repository's root. */
  path: string
  text: string
}

/** A fenced block of code. */
export interface Block {
  path: string
  line: number
  /** What stands behind the fence: "sh needs=card". */
  info: string
  text: string
}

const ownFolders = ['.', 'docs', 'patches', 'ci', 'native-tests', 'libzmq-ext', 'examples']

/** All Markdown of the project, without what was installed or made. */
export function readMarkdown(root: string): MarkdownFile[] {
  const files = ownFolders.flatMap((folder) => {
    if (!existsSync(join(root, folder))) return []
    const options = { recursive: folder !== '.', encoding: 'utf8' } as const
    return readdirSync(join(root, folder), options).map((name) => normalize(join(folder, name)))
  })
  return files
    .filter((path) => path.endsWith('.md') && !path.includes('node_modules'))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

/** Its fenced blocks. */
export function blocksOf({ path, text }: MarkdownFile): Block[] {
  const blocks: Block[] = []
  let open: Block | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line)
    if (!fence) {
      if (open) open.text += `${line}\n`
    } else if (open) {
      blocks.push(open)
      open = undefined
    } else {
      open = { path, line: index + 1, info: (fence[1] ?? '').trim(), text: '' }
    }
  }
  if (open) throw new Error(`${path}:${open.line}: the block has no end`)
  return blocks
}

/** The text without code, in which nothing is a link. */
export function withoutCode(text: string): string {
  return text
    .replaceAll(/^```[\s\S]*?^```$/gm, '')
    .replaceAll(/^ {4}.*$/gm, '')
    .replaceAll(/`[^`\n]*`/g, (code) => 'x'.repeat(code.length))
}

/** The anchors that GitHub gives the headings of a document. */
export function anchorsOf(text: string): Set<string> {
  const seen = new Map<string, number>()
  const anchors = new Set<string>()
  for (const [, heading = ''] of text
    .replaceAll(/^```[\s\S]*?^```$/gm, '')
    .matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
      .replaceAll(' ', '-')
    const before = seen.get(slug) ?? 0
    seen.set(slug, before + 1)
    anchors.add(before === 0 ? slug : `${slug}-${before}`)
  }
  return anchors
}

/** Links to files and headings that are not there, each as a line for people. */
export function brokenLinks(root: string, files: readonly MarkdownFile[]): string[] {
  const textOf = (path: string) =>
    files.find((file) => file.path === path)?.text ?? readFileSync(join(root, path), 'utf8')
  return files.flatMap(({ path, text }) =>
    [...withoutCode(text).matchAll(/\[[^\]]*\]\(([^()\s]+)\)/g)].flatMap(([, target = '']) => {
      if (/^https?:\/\//.test(target))
        return URL.canParse(target) ? [] : [`${path}: ${target} is no address`]
      if (/^[a-z]+:/.test(target)) return [`${path}: ${target}: only https links and paths`]
      const [file = '', anchor] = target.split('#')
      const found = file === '' ? path : normalize(join(dirname(path), file))
      if (found.startsWith('..')) return [`${path}: ${target} leads out of the repository`]
      if (file !== '' && !existsSync(join(root, found))) return [`${path}: there is no ${target}`]
      if (anchor === undefined) return []
      if (!found.endsWith('.md')) return [`${path}: ${target}: only documents have headings`]
      return anchorsOf(textOf(found)).has(anchor)
        ? []
        : [`${path}: ${target}: there is no such heading`]
    }),
  )
}

const ownPaths =
  /^(?:scripts|patches|libzmq-ext|native-tests|docs|ci|examples|toolchains)\/[\w./-]+$/

/** Paths of the repository that a document names, and that are not there. */
export function missingPaths(root: string, { path, text }: MarkdownFile): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].flatMap(([, code = '']) =>
    ownPaths.test(code) &&
    ![root, join(root, dirname(path))].some((from) => existsSync(join(from, code)))
      ? [`${path}: there is no ${code}`]
      : [],
  )
}

/** Rows of the tables whose heading begins with these columns. */
export function tableRows(text: string, heading: readonly string[]): string[][] {
  const cells = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
  const rows: string[][] = []
  let inside = false
  for (const line of text.split('\n')) {
    if (!line.startsWith('|')) inside = false
    else if (inside) rows.push(cells(line))
    else inside = heading.every((name, index) => cells(line)[index] === name)
  }
  return rows.filter((row) => !/^-+:?$/.test(row[0] ?? ''))
}
