// SPDX-License-Identifier: MPL-2.0
import { copyFile, lstat, readFile, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ExitCode, UserError } from '../ui/errors.ts'
import { exists, type Repository, readBlob, refs, resolveRev, withScratch } from './repository.ts'
import {
  type Journal,
  readJournal,
  removeJournal,
  removeSession,
  type State,
  writeJournal,
  writeSession,
  writeState,
} from './state.ts'
import type { Edits } from './types.ts'

/** Looks for what somebody has done in the work tree since apply left it at `head`. */
export async function findEdits(repo: Repository, head: string): Promise<Edits> {
  const status = await repo.git([
    'status',
    '--porcelain=v1',
    '-z',
    '--untracked-files=all',
    '--no-renames',
  ])
  const lines = status.split('\0').filter(Boolean)
  const isNew = (line: string) => line.startsWith('?? ')
  const uncommitted = lines.filter((line) => !isNew(line)).map((line) => line.slice(3))
  const untracked = lines.filter(isNew).map((line) => line.slice(3))
  const moved = (await resolveRev(repo, 'HEAD')) !== head
  const underWay = await findUnderWay(repo)
  return {
    ...{ uncommitted, moved },
    ...(underWay ? { underWay } : {}),
    ...(untracked.length > 0 ? { untracked } : {}),
  }
}

async function findUnderWay(repo: Repository): Promise<string | undefined> {
  const marks = {
    'rebase-merge': 'rebase',
    'rebase-apply/applying': 'am',
    'rebase-apply': 'rebase',
    MERGE_HEAD: 'merge',
    CHERRY_PICK_HEAD: 'cherry-pick',
    REVERT_HEAD: 'revert',
  }
  for (const [name, what] of Object.entries(marks)) {
    if (await exists(join(repo.gitDir, name))) return what
  }
  return undefined
}

/** Fills an empty work tree. */
export async function checkOut(repo: Repository, to: State): Promise<void> {
  await repo.git(['read-tree', '--reset', '-u', to.head])
  await finish(repo, { to })
}

/**
 * Makes the work tree what a state says: only files that differ are written, so that a build
 * makes again only what changed. The journal is kept meanwhile: after a crash `recover` finishes
 * the switch. Edits that came up after all make git refuse before it writes anything, unless
 * they are to be discarded.
 */
export async function switchTo(repo: Repository, journal: Journal): Promise<void> {
  const from = (await repo.git(['rev-parse', journal.from])).trim()
  await writeJournal(repo, { ...journal, from })
  const files = filesOf(journal)
  const done = journal.discarding
    ? await repo.try(['read-tree', '--reset', '-u', files])
    : await repo.try(['read-tree', '-m', '-u', from, files])
  if (done.exitCode !== 0) {
    // git looks at every path before it writes the first: after a refusal nothing is half done.
    // After anything else (killed, disk full) the journal stays, and the next run finishes.
    const refused = /Cannot merge|would be overwritten|would lose/.test(done.stderr)
    if (refused) await removeJournal(repo)
    repo.signal?.throwIfAborted()
    throw new UserError({
      message: `The files of ${repo.workDir} could not be brought up to date.`,
      details: done.stderr.trim() || `git read-tree was ended by ${done.signal ?? 'an error'}.`,
      hint: refused
        ? 'Move the files that git names out of the way, then type the command again.'
        : 'Type the command again; it goes on where this one stopped.',
      exitCode: ExitCode.checkFailed,
    })
  }
  await finish(repo, journal)
}

/** The tree that the files become. */
const filesOf = ({ files, head, to }: Omit<Journal, 'from'>): string => files ?? head ?? to.head

/** Sets the refs in one transaction, then the state: the last thing that makes a switch done. */
async function finish(repo: Repository, journal: Omit<Journal, 'from'>): Promise<void> {
  const { to, session, head = to.head } = journal
  const update = [
    `update ${refs.branch} ${head}`,
    `update ${refs.base} ${to.base}`,
    `update ${refs.applied} ${to.head}`,
  ]
  if (await resolveRev(repo, refs.incoming)) update.push(`delete ${refs.incoming}`)
  await repo.git(['update-ref', '--stdin'], { input: `${update.join('\n')}\n` })
  await repo.git(['symbolic-ref', 'HEAD', refs.branch])
  await writeState(repo, to)
  if (session) await writeSession(repo, session)
  else await removeSession(repo)
  await removeJournal(repo)
}

/**
 * Finishes a switch that a killed run left half done; true when there was one. A file that is
 * neither as before nor as it was to become holds somebody's edit: a UserError (exit code 1).
 */
export async function recover(repo: Repository): Promise<boolean> {
  const journal = await readJournal(repo)
  if (!journal) return false
  // Of the run that was killed: no git of the user's writes here while a switch is half done.
  await rm(join(repo.gitDir, 'index.lock'), { force: true })
  const changed = await changedPaths(repo, journal)
  const edited: string[] = []
  if (!journal.discarding)
    for (const path of changed) if (await isEdited(repo, journal, path)) edited.push(path)
  if (edited.length > 0) {
    throw new UserError({
      message: `An apply to ${repo.workDir} was killed half-way, and files were edited since.`,
      details: edited.map((path) => `  ${path}`).join('\n'),
      hint: `Move your copies of these files out of the way (or delete them), then type the command again.`,
      exitCode: ExitCode.checkFailed,
    })
  }
  await repo.git(['read-tree', filesOf(journal)])
  const wanted = new Set((await repo.git(['ls-files', '-z'])).split('\0'))
  for (const path of changed.filter((one) => !wanted.has(one))) await removeFile(repo, path)
  const input = changed.filter((path) => wanted.has(path)).map((path) => `${path}\0`)
  await repo.git(['checkout-index', '-f', '-z', '--stdin'], { input: input.join('') })
  await repo.try(['update-index', '-q', '--refresh'])
  await finish(repo, journal)
  return true
}

async function changedPaths(repo: Repository, journal: Journal): Promise<string[]> {
  const { from, discarding } = journal
  const names = await repo.git([
    'diff-tree',
    '-r',
    '-z',
    '--name-only',
    '--no-renames',
    from,
    filesOf(journal),
  ])
  return [...new Set([...names.split('\0').filter(Boolean), ...(discarding ?? [])])]
}

/** A half-written file is the beginning of what it was to become. */
async function isEdited(repo: Repository, journal: Journal, path: string): Promise<boolean> {
  const file = join(repo.workDir, path)
  if (!(await exists(file))) return false
  const here = await readFile(file)
  const before = await readBlob(repo, `${journal.from}:${path}`)
  const after = await readBlob(repo, `${filesOf(journal)}:${path}`)
  return !before?.equals(here) && !after?.subarray(0, here.length).equals(here)
}

async function removeFile(repo: Repository, path: string): Promise<void> {
  await rm(join(repo.workDir, path), { force: true })
  for (let dir = dirname(path); dir !== '.'; dir = dirname(dir)) {
    const empty = await rmdir(join(repo.workDir, dir)).then(
      () => true,
      () => false,
    )
    if (!empty) return
  }
}

/** A commit of the files as they are; unlike `git stash` it takes a merge with conflicts, too. */
function commitEdits(
  repo: Repository,
  edits: Edits,
  author: { name: string; email: string },
): Promise<string> {
  return withScratch(repo, async (scratch) => {
    const indexFile = join(scratch, 'index')
    await copyFile(join(repo.gitDir, 'index'), indexFile)
    await repo.git(['add', '-u'], { indexFile })
    // Those that only HEAD still has, or that were taken out of the index.
    const input = (await Promise.all(edits.uncommitted.map((path) => fileThere(repo, path)))).join(
      '',
    )
    await repo.git(['update-index', '--add', '--replace', '-z', '--stdin'], { indexFile, input })
    const tree = (await repo.git(['write-tree'], { indexFile })).trim()
    const message = ['-m', 'edits that were not committed']
    return (await repo.git(['commit-tree', tree, '-p', 'HEAD', ...message], { author })).trim()
  })
}

/** The path, ended for "-z", when there is a file; else nothing. */
async function fileThere(repo: Repository, path: string): Promise<string> {
  const found = await lstat(join(repo.workDir, path)).catch(() => undefined)
  return found && !found.isDirectory() ? `${path}\0` : ''
}

/**
 * Keeps what is about to be thrown away: HEAD and the uncommitted edits get refs of their own,
 * and whatever is under way there is ended. Gives the names of the refs that were set.
 */
export async function keepAside(
  repo: Repository,
  edits: Edits,
  identity: { name: string; email: string },
): Promise<string[]> {
  const kept: string[] = []
  if (edits.moved) {
    await repo.git(['update-ref', refs.keptHead, 'HEAD'])
    kept.push(refs.keptHead)
  }
  if (edits.uncommitted.length > 0) {
    await repo.git(['update-ref', refs.keptEdits, await commitEdits(repo, edits, identity)])
    kept.push(refs.keptEdits)
  }
  if (edits.underWay === 'rebase' || edits.underWay === 'am') {
    for (const name of ['rebase-merge', 'rebase-apply']) {
      await rm(join(repo.gitDir, name), { recursive: true, force: true })
    }
  } else if (edits.underWay) {
    for (const name of [
      'MERGE_HEAD',
      'MERGE_MSG',
      'MERGE_MODE',
      'CHERRY_PICK_HEAD',
      'REVERT_HEAD',
    ]) {
      await rm(join(repo.gitDir, name), { force: true })
    }
  }
  return kept
}
