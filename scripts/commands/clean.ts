// SPDX-License-Identifier: MPL-2.0
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { sayEdits } from '../series/applied.ts'
import { withWorkTree } from '../series/place.ts'
import { repositoryAt } from '../series/repository.ts'
import { readState } from '../series/state.ts'
import { findWorkTrees } from '../series/status.ts'
import { findEdits } from '../series/worktree.ts'
import { cleanPrefix, removeIfEmpty } from '../toolchain/clean-prefix.ts'
import { withPrefix } from '../toolchain/prefix-lock.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { Step } from '../ui/steps.ts'
import type { Command, CommandInput } from './command.ts'
import { allPrefixes } from './compile.ts'

/** Folders of --out that are the toolkit's alone, whatever is in them. */
const ownFolders = ['build', 'logs', 'reports', 'bundle', 'verify', 'test', 'cache'] as const

/** What may be named on the command line. */
const parts = ['work', 'prefix', ...ownFolders] as const
type Part = (typeof parts)[number]

export const clean: Command = {
  name: 'clean',
  usage: '[parts]',
  summary: 'Removes what the toolkit made, and nothing else; never an unexported edit',
  options: [{ flag: '--discard', describe: 'Also work trees with edits that are not exported' }],
  examples: ['./build clean', './build clean build prefix', './build clean --dry-run'],
  plan: async (input) => {
    const { out } = input.context
    const chosen = readParts(input.args)
    const removed: string[] = []
    const left: string[] = []
    return {
      steps: await planSteps(input, chosen, removed, left),
      report: async () => {
        removeIfEmpty(out)
        const lines = [
          removed.length > 0 ? `Removed ${removed.join(', ')}.` : 'There was nothing to remove.',
          ...left.map((path) => `Left ${path}: the toolkit has not made it.`),
        ]
        return {
          exitCode: ExitCode.done,
          data: { schemaVersion: 1, out, removed, left },
          text: lines.join('\n'),
        }
      },
    }
  },
}

function readParts(args: readonly string[]): readonly Part[] {
  const unknown = args.find((arg) => !parts.some((part) => part === arg))
  if (unknown !== undefined)
    throw new UserError({
      message: `There is no part "${unknown}" to clean.`,
      hint: `Give one or more of ${parts.join(', ')}, or none for all.`,
      exitCode: ExitCode.usage,
    })
  return args.length === 0 ? parts : parts.filter((part) => args.includes(part))
}

/** One step per thing that is there; edits are looked for before anything is removed. */
async function planSteps(
  input: CommandInput,
  chosen: readonly Part[],
  removed: string[],
  left: string[],
): Promise<Step[]> {
  const { out } = input.context
  const step = (path: string, run: Step['run']): Step => ({
    id: `clean-${relative(out, path)}`,
    title: `Remove ${path}`,
    plan: [`remove ${path}`],
    run: async (handle) => {
      const outcome = await run(handle)
      removed.push(path)
      return outcome
    },
  })
  const steps: Step[] = []
  if (chosen.includes('work')) {
    const dirs = await findWorkTrees(out)
    for (const dir of dirs) {
      await refuseEdits(input, dir)
      steps.push(step(dir, (handle) => removeWorkTree(input, dir, handle)))
    }
  }
  if (chosen.includes('prefix')) {
    for (const prefix of allPrefixes(input.context).filter(existsSync)) {
      steps.push(
        step(prefix, async (handle) => {
          const others = await withPrefix(prefix, handle, async () => cleanPrefix(prefix))
          left.push(...others.map((file) => join(prefix, file)))
          return { status: 'done' }
        }),
      )
    }
  }
  const folders: string[] = ownFolders.filter((name) => chosen.includes(name))
  // Left behind by an installation of npm packages that was killed.
  const staging = existsSync(out) ? readdirSync(out).filter((name) => /^npm-\w{6}$/.test(name)) : []
  for (const name of [...folders, ...(chosen.length === parts.length ? staging : [])]) {
    const path = join(out, name)
    if (!existsSync(path)) continue
    steps.push(
      step(path, async () => {
        rmSync(path, { recursive: true, force: true })
        return { status: 'done' }
      }),
    )
  }
  return steps
}

async function removeWorkTree(
  input: CommandInput,
  dir: string,
  handle: Parameters<Step['run']>[0],
): ReturnType<Step['run']> {
  const { context } = input
  const options = { workDir: dir, context: { env: context.env, signal: handle.signal } }
  await withWorkTree({ ...options, line: handle.line }, relative(context.out, dir), async () => {
    // Once more, now that nobody else is at work on it.
    await refuseEdits(input, dir)
    rmSync(dir, { recursive: true, force: true })
  })
  removeIfEmpty(join(context.out, 'work'))
  return { status: 'done' }
}

/** @throws UserError when a work tree has what neither upstream nor the series has */
async function refuseEdits(input: CommandInput, dir: string): Promise<void> {
  if (input.extra.discard === true) return
  const { env, signal } = input.context
  const repo = repositoryAt(dir, env, signal)
  const state = await readState(repo)
  const refuse = (what: string) =>
    new UserError({
      message: `${dir} has ${what}; nothing is removed.`,
      hint: 'Keep them with ./build export, or throw them away with ./build clean --discard',
      exitCode: ExitCode.checkFailed,
    })
  if (!state) throw refuse('files of which nobody knows whose they are')
  const edits = await findEdits(repo, state.head)
  const words = sayEdits(edits)
  if (words !== '') throw refuse(`edits that are not exported: ${words}`)
}
