// SPDX-License-Identifier: MPL-2.0
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { findAuthor } from '../bundle/author.ts'
import { readEvidence } from '../bundle/evidence.ts'
import { closedGates, describeGates, gates, parseWaivers } from '../bundle/gates.ts'
import { type MadeBundle, makeBundle } from '../bundle/make.ts'
import { prove } from '../bundle/prove.ts'
import { askTip } from '../bundle/tip.ts'
import { workDirOf } from '../series/place.ts'
import { repositoryAt } from '../series/repository.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import { commandLine } from '../ui/quote.ts'
import type { Step } from '../ui/steps.ts'
import { facts } from '../ui/table.ts'
import { applyStep, projectSeries } from './apply.ts'
import { type Artifacts, need } from './artifacts.ts'
import type { Command, CommandInput, CommandResult } from './command.ts'
import { compileSteps } from './compile.ts'
import { fetchStep } from './fetch.ts'

const upstream = 'https://github.com/zeromq/libzmq.git'
const defaultDays = 14

export const bundle: Command = {
  name: 'bundle',
  summary: 'Write the upstream pull request: patches, git bundle, evidence, after named gates',
  options: [
    { flag: '--prove', describe: 'First try formatting, C++98, distcheck and manual pages' },
    {
      flag: '--author <name and address>',
      describe: 'Author, instead of git’s user.name and user.email',
    },
    { flag: '--sign-off', describe: 'Add Signed-off-by to each commit' },
    { flag: '--add-author', describe: 'Make a last commit that puts the author into AUTHORS' },
    { flag: '--project <url>', describe: 'Where reviewers get this toolkit' },
    { flag: '--changes <file or text>', describe: 'From version 2 on: what changed, in words' },
    { flag: '--previous <dir>', describe: 'The bundle of the version before (default: beside)' },
    { flag: '--evidence <dir>', describe: 'Folder of the reports (default: out/reports)' },
    { flag: '--evidence-days <n>', describe: `How old they may be (default: ${defaultDays})` },
    { flag: '--waive <name=reason;…>', describe: 'Pass closed gates; the bundle shows the reason' },
    { flag: '--without-history', describe: 'From a release archive: give what can be given' },
  ],
  examples: [
    './build bundle --prove',
    './build bundle --source git:../libzmq --add-author',
    './build bundle --waive "base=sent for an early look"',
  ],
  plan: async (given) => {
    const release = given.options.release ?? 'master'
    const input = { ...given, options: { ...given.options, release } }
    const waivers = parseWaivers(text(input, 'waive'))
    const artifacts: Artifacts = {}
    const proving = input.extra.prove === true
    let made: MadeBundle | undefined
    const write: Step = {
      id: 'bundle',
      title: 'Write the bundle',
      plan: [
        ...gates.map(({ name, title }) => `gate ${name}: ${title}`),
        `write ${join(input.context.out, 'bundle', 'v<version>')}`,
      ],
      run: async ({ signal, line }) => {
        made = await make(input, artifacts, waivers, signal, line)
        const closed = closedGates(made.gates).length
        if (closed > 0)
          return { status: 'skipped', detail: `${closed} of ${made.gates.length} gates are closed` }
        const detail = `${made.unchanged ? 'unchanged: ' : ''}${made.written?.dir}`
        return { status: made.unchanged ? 'skipped' : 'done', detail }
      },
    }
    return {
      steps: [
        fetchStep(input, artifacts),
        await applyStep(input, artifacts),
        ...(proving
          ? [...(await compileSteps(input, artifacts)), proveStep(input, artifacts)]
          : []),
        write,
      ],
      report: async () => {
        if (!made) throw new Error('the bundle step did not run')
        return report(input, made)
      },
    }
  },
}

function text({ extra }: CommandInput, name: string): string | undefined {
  const value = extra[name]
  return typeof value === 'string' ? value : undefined
}

/** Folders of this machine, longest first, and what evidence is to call them. */
function placesOf({ root, out, env }: CommandInput['context']): [string, string][] {
  return [
    [out, 'out'],
    [root, '.'],
    [env.HOME ?? homedir(), '~'],
  ]
}

function daysOf(input: CommandInput): number {
  const given = text(input, 'evidence-days')
  if (given === undefined) return defaultDays
  if (/^\d+$/.test(given) && Number(given) > 0) return Number(given)
  throw new UserError({
    message: `--evidence-days ${JSON.stringify(given)} is no number of days.`,
    hint: `For example: --evidence-days ${defaultDays}`,
    exitCode: ExitCode.usage,
  })
}

function proveStep(input: CommandInput, artifacts: Artifacts): Step {
  const { context } = input
  return {
    id: 'prove',
    title: 'Prove what no other command does',
    plan: [
      'clang-format',
      'make -C doc',
      'configure --enable-force-CXX98-compat',
      'make distcheck',
    ],
    run: async ({ signal, line, progress }) => {
      const work = need(artifacts, 'work')
      const built = need(artifacts, 'built')
      const { kind, prefix, version } = built.scif
      if (kind === 'none' || prefix === undefined) throw new Error('there is no libscif')
      const { proofs } = await prove({
        gitDir: repositoryAt(work.workDir, context.env).gitDir,
        ...{ base: work.base, head: work.head, release: work.release },
        tree: need(artifacts, 'source').tree,
        seriesHash: work.seriesHash,
        edited: work.edits.moved || work.edits.uncommitted.length > 0,
        scif: { kind, prefix, ...(version === undefined ? {} : { version }) },
        compiler: built.compiler,
        dir: join(context.out, 'build', 'prove'),
        reports: join(context.out, 'reports'),
        places: placesOf(context),
        ...{ jobs: context.jobs, env: context.env, now: context.now, signal, line, progress },
      })
      const passed = proofs.filter((proof) => proof.passed).length
      return { status: 'done', detail: `${passed} of ${proofs.length} passed` }
    },
  }
}

async function make(
  input: CommandInput,
  artifacts: Artifacts,
  waivers: ReadonlyMap<string, string>,
  signal: AbortSignal,
  line: (text: string) => void,
): Promise<MadeBundle> {
  const { context, options } = input
  const { root, out, env, offline } = context
  const { source } = options
  const url =
    source.kind === 'git'
      ? source.url
      : source.kind === 'auto' || source.kind === 'github'
        ? upstream
        : undefined
  const changes = text(input, 'changes')
  const previous = text(input, 'previous')
  const { release } = need(artifacts, 'work')
  return makeBundle({
    release,
    workDir: workDirOf(out, release),
    dir: join(out, 'bundle'),
    series: await projectSeries(input),
    author: await findAuthor(text(input, 'author'), { cwd: root, env, signal }),
    signOff: input.extra['sign-off'] === true,
    addAuthor: input.extra['add-author'] === true,
    tip: await askTip(upstream, url, { cwd: root, env, signal, offline }),
    evidence: await readEvidence(
      resolve(text(input, 'evidence') ?? join(out, 'reports')),
      placesOf(context),
    ),
    project: text(input, 'project') ?? homepage(root),
    changes: changes !== undefined && existsSync(changes) ? readFileSync(changes, 'utf8') : changes,
    previousDir: previous === undefined ? undefined : resolve(previous),
    withoutHistory: input.extra['without-history'] === true,
    now: context.now(),
    evidenceDays: daysOf(input),
    ...{ waivers, line, context: { env, signal } },
  })
}

/** Where package.json says that the project lives. */
function homepage(root: string): string | undefined {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return typeof manifest.homepage === 'string' ? manifest.homepage : undefined
}

function report(input: CommandInput, made: MadeBundle): CommandResult {
  const { facts: known, gates: results, written, unchanged } = made
  const closed = closedGates(results)
  const data = {
    schemaVersion: 1,
    written: written ?? null,
    unchanged,
    base: known.base,
    head: known.head,
    changeId: known.changeId,
    commits: known.commits.map(({ id, subject, patchId }) => ({ id, subject, patchId })),
    gates: results,
  }
  if (!written) {
    const names = closed.map((gate) => gate.name).join(', ')
    return {
      exitCode: ExitCode.checkFailed,
      data,
      text: `${describeGates(results)}\n\nNo bundle was written: ${names} ${closed.length === 1 ? 'is' : 'are'} closed.`,
      next: ['what the closed gates say, or --waive "<name>=<reason>; …"'],
    }
  }
  const summary: [string, string][] = [
    ['bundle', written.dir],
    ['commits', `${known.commits.length}, by ${known.author.name} <${known.author.email}>`],
    ['base', `${known.base.commit.slice(0, 12)} of ${known.base.date}`],
    ['head', `${known.head.commit.slice(0, 12)}, tree ${known.head.tree.slice(0, 12)}`],
    ['figures', `${written.figures}, each as its file in evidence/ has it`],
    ['SHA256SUMS', written.sha256],
  ]
  return {
    exitCode: ExitCode.done,
    data,
    text: `${describeGates(results)}\n\n${facts(summary)}`,
    next: sending(input, made, written.dir),
  }
}

/** What the maintainer types, in a clone of libzmq that has his fork as the remote "fork". */
function sending({ context }: CommandInput, { facts: known }: MadeBundle, dir: string): string[] {
  const here = relative(process.cwd(), dir) || '.'
  const check = `(cd ${commandLine([here])} && sha256sum --check --quiet SHA256SUMS)`
  if (known.base.imported)
    return [
      check,
      commandLine(['git', 'am', `${join(dir, 'patches')}/*.patch`]).replaceAll("'", ''),
    ]
  const at = 'git -C <your clone of libzmq>'
  const title = `Add the transport ${known.name}://`
  return [
    check,
    `${at} fetch ${commandLine([join(dir, `${known.branch}.bundle`)])} ${known.branch}:${known.branch}`,
    `${at} push <your fork> ${known.branch}`,
    `gh pr create --repo zeromq/libzmq --base master --head <you>:${known.branch} --title ${commandLine([title])} --body-file ${commandLine([join(here, 'PULL_REQUEST.md')])}`,
    `drag the charts in ${join(relative(context.root, dir), 'evidence')} into the text: GitHub has no other way to take them`,
  ]
}
