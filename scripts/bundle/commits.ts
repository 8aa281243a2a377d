// SPDX-License-Identifier: MPL-2.0
import type { Identity } from '../system/git.ts'
import { addAuthor } from './authors.ts'
import type { Objects } from './objects.ts'
import type { UpstreamCommit } from './types.ts'

export interface CommitsOptions {
  base: string
  /** The commits of the work tree, from the first, with the messages of their entries. */
  series: readonly { id: string; slug: string; message: string }[]
  author: Identity
  /** Author and committer date of all of them. */
  date: string
  signOff: boolean
  /** Make a last commit that puts the author into AUTHORS, unless he is there already. */
  authors: boolean
}

/** Makes the commits as upstream gets them, with the very trees of the work tree's. */
export async function makeCommits(
  objects: Objects,
  options: CommitsOptions,
): Promise<UpstreamCommit[]> {
  const { author, date } = options
  const commits: UpstreamCommit[] = []
  let parent = options.base
  const add = async (tree: string, text: string, slug?: string): Promise<void> => {
    const message = options.signOff ? signOff(text, author) : text
    const made = await objects.git(['commit-tree', tree, '-p', parent, '-F', '-'], {
      ...{ input: message, author, date },
    })
    const id = made.trim()
    const subject = message.split('\n', 1)[0] ?? ''
    const patchId = await patchIdOf(objects, parent, id)
    commits.push({ id, tree, ...(slug === undefined ? {} : { slug }), subject, message, patchId })
    parent = id
  }
  for (const { id, slug, message } of options.series) {
    await add((await objects.git(['rev-parse', `${id}^{tree}`])).trim(), message, slug)
  }
  if (options.authors) {
    const tree = await treeWithAuthor(objects, parent, author.name)
    if (tree !== undefined) await add(tree, authorsMessage(author.name))
  }
  return commits
}

/** A message ends in one newline; the line stands behind an empty one. */
function signOff(message: string, { name, email }: Identity): string {
  return `${message}\nSigned-off-by: ${name} <${email}>\n`
}

const authorsMessage = (name: string): string =>
  `Problem: AUTHORS does not list ${name}\n\nSolution: add the name.\n`

/** The stable patch id of what a commit does. */
async function patchIdOf(objects: Objects, from: string, to: string): Promise<string> {
  const diff = await objects.git(['diff-tree', '-p', '--full-index', '--no-renames', from, to])
  return (await objects.git(['patch-id', '--stable'], { input: diff })).split(' ', 1)[0] ?? ''
}

/** The commit's tree with the name in AUTHORS; undefined when there is nothing to add. */
async function treeWithAuthor(
  objects: Objects,
  commit: string,
  name: string,
): Promise<string | undefined> {
  const shown = await objects.try(['cat-file', 'blob', `${commit}:AUTHORS`])
  const text = shown.exitCode === 0 ? addAuthor(shown.stdout, name) : undefined
  if (text === undefined) return undefined
  const blob = await objects.git(['hash-object', '-w', '--stdin'], { input: text })
  const listed = await objects.git(['ls-tree', commit])
  const lines = listed
    .split('\n')
    .filter(Boolean)
    .map((line) => (line.endsWith('\tAUTHORS') ? line.replace(/[0-9a-f]{40,}/, blob.trim()) : line))
  return (await objects.git(['mktree'], { input: `${lines.join('\n')}\n` })).trim()
}
