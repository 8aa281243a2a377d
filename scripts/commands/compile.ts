// SPDX-License-Identifier: MPL-2.0
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { compileLibzmq } from '../toolchain/compile.ts'
import { type Compilers, findCompilers } from '../toolchain/compiler.ts'
import { crossCompilers, crossFor, parseTriplet } from '../toolchain/cross.ts'
import { chooseLibscif, scifDevices, scifPrefixes } from '../toolchain/libscif.ts'
import { type LibzmqBuild, recipeOf } from '../toolchain/libzmq.ts'
import {
  buildSoftscif,
  removeSoftscif,
  type SoftscifBuild,
  softscifCommands,
  softscifKey,
} from '../toolchain/softscif.ts'
import { hashFiles } from '../toolchain/stamp.ts'
import type { LibscifChoice } from '../toolchain/types.ts'
import { ExitCode } from '../ui/errors.ts'
import { commandLine } from '../ui/quote.ts'
import type { Step } from '../ui/steps.ts'
import { facts } from '../ui/table.ts'
import { applyStep } from './apply.ts'
import { type Artifacts, need } from './artifacts.ts'
import type { Command, CommandInput } from './command.ts'
import { fetchStep } from './fetch.ts'
import { systemStep } from './system.ts'

/** The options of all commands that compile. */
export const compileOptions = [
  { flag: '--no-scif', describe: 'Build without the transport, into a prefix of its own' },
  { flag: '--drafts', describe: "Build with libzmq's draft API, into a prefix of its own" },
  {
    flag: '--host <triplet>',
    describe: 'Build for another kind of machine, into a prefix of its own',
  },
] as const

/** What a build with these options is called behind its name: "", "-noscif", "-drafts". */
function variantOf(extra: CommandInput['extra']): string {
  const host = typeof extra.host === 'string' ? `-${parseTriplet(extra.host)}` : ''
  return `${host}${extra['no-scif'] === true ? '-noscif' : ''}${extra.drafts === true ? '-drafts' : ''}`
}

/** Below --out: the prefix of a build with these options. */
export function prefixOf({ context, extra }: Pick<CommandInput, 'context' | 'extra'>): string {
  return join(context.out, `prefix${variantOf(extra)}`)
}

/** All prefixes that there can be, for those who clean up. */
export function allPrefixes(context: CommandInput['context']): string[] {
  const native = [true, false].flatMap((noScif) =>
    [true, false].map((drafts) => prefixOf({ context, extra: { 'no-scif': noScif, drafts } })),
  )
  const all = existsSync(context.out) ? readdirSync(context.out, { withFileTypes: true }) : []
  const foreign = all
    .filter((entry) => entry.isDirectory() && /^prefix-[a-z0-9_]+-[\w-]+$/.test(entry.name))
    .map((entry) => join(context.out, entry.name))
  return [...new Set([...native, ...foreign])]
}

/** The steps that make SoftSCIF, when it is needed, and libzmq, into the prefix. */
export async function compileSteps(input: CommandInput, artifacts: Artifacts): Promise<Step[]> {
  const { context, options, extra } = input
  const prefix = prefixOf(input)
  const host = typeof extra.host === 'string' ? extra.host : undefined
  const cross = host === undefined ? undefined : crossFor(host, context.root, context.env)
  const findBoth = (signal: AbortSignal) =>
    cross ? crossCompilers(cross, context.env, signal) : findCompilers(context.env, signal)
  // The libscif that this machine has is not one for another.
  const scif = cross && options.scif.kind === 'auto' ? ({ kind: 'soft' } as const) : options.scif
  const { choice, reason }: { choice: LibscifChoice; reason: string } =
    extra['no-scif'] === true
      ? { choice: { kind: 'none' }, reason: 'asked for by --no-scif' }
      : chooseLibscif(scif, {
          ownPrefix: prefix,
          devices: scifDevices,
          prefixes: scifPrefixes,
        })
  const softscif = (compilers: Compilers): SoftscifBuild => ({
    sourceDir: join(context.root, 'libzmq-ext', 'softscif'),
    buildDir: join(context.out, 'build', `softscif${host ? `-${host}` : ''}`),
    prefix,
    compilers,
    cross,
    logFile: join(context.out, 'logs', 'softscif.log'),
  })
  const libzmq = (compilers: Compilers): LibzmqBuild => {
    const work = artifacts.work
    const release = work?.release ?? options.release ?? '<release>'
    const name = `${release.replace(/[^\w.-]/g, '-')}-${options.buildSystem}${variantOf(extra)}`
    return {
      source: {
        dir: work?.workDir ?? join(context.out, 'work', `libzmq-${release}`),
        release,
        tree: work?.tree ?? '',
        edited: (work?.edits.uncommitted.length ?? 0) > 0,
      },
      buildSystem: options.buildSystem,
      buildDir: join(context.out, 'build', name),
      prefix,
      scif: choice,
      drafts: extra.drafts === true,
      scifKey: scifKeyOf(choice, softscif(compilers)),
      compilers,
      cross,
      jobs: context.jobs,
      logBase: join(context.out, 'logs', name),
    }
  }
  const planned = cross
    ? { cc: `${host}-gcc`, cxx: `${host}-g++`, ccache: undefined, version: '' }
    : { cc: 'cc', cxx: 'c++', ccache: undefined, version: '' }
  const recipe = recipeOf(libzmq(planned))
  return [
    {
      id: 'compile-softscif',
      title: 'Build SoftSCIF',
      plan:
        choice.kind === 'soft'
          ? softscifCommands(softscif(planned), context.jobs).map(commandLine)
          : [`nothing: ${reason}`],
      run: async (handle) => {
        const compilers = await findBoth(handle.signal)
        if (choice.kind === 'soft') return buildSoftscif(softscif(compilers), context, handle)
        if (choice.kind === 'real') removeSoftscif(prefix)
        return { status: 'skipped', detail: reason }
      },
    },
    {
      id: 'compile-libzmq',
      title: choice.kind === 'none' ? 'Build libzmq without SCIF' : 'Build libzmq with SCIF',
      plan: [
        ...(options.buildSystem === 'autotools' ? ['./autogen.sh'] : []),
        commandLine(recipe.configure.argv),
        commandLine(recipe.build.argv),
        `install libzmq and its perf programs into ${prefix}`,
      ],
      run: async (handle) => {
        const source = need(artifacts, 'source')
        const { seriesHash } = need(artifacts, 'work')
        const compilers = await findBoth(handle.signal)
        const provenance = { seriesHash, route: source.route }
        const done = await compileLibzmq(libzmq(compilers), provenance, context, handle)
        artifacts.built = done.built
        return done.outcome
      },
    },
  ]
}

/** What of libscif a libzmq depends on: our sources, or the header and library that are there. */
function scifKeyOf(choice: LibscifChoice, softscif: SoftscifBuild): string {
  if (choice.kind === 'none') return 'none'
  if (choice.kind === 'soft') return `soft ${softscifKey(softscif)}`
  const files = [join(choice.prefix, 'include', 'scif.h'), choice.library]
  return `real ${hashFiles('/', files)}`
}

export const compile: Command = {
  name: 'compile',
  summary: 'Configure, build and install libzmq with the transport into the prefix',
  options: compileOptions,
  examples: [
    './build compile',
    './build compile --build-system cmake',
    './build compile --no-scif',
    './build compile --host aarch64-linux-gnu',
    './build compile --scif /opt/mpss/sysroot/usr',
  ],
  plan: async (input) => {
    const artifacts: Artifacts = {}
    return {
      steps: [
        await systemStep(input),
        fetchStep(input, artifacts),
        await applyStep(input, artifacts),
        ...(await compileSteps(input, artifacts)),
      ],
      report: async (steps) => {
        const built = need(artifacts, 'built')
        return {
          exitCode: ExitCode.done,
          data: { schemaVersion: 1, steps, built },
          text: facts(builtFacts(artifacts)),
          next: ['./build status'],
        }
      },
    }
  },
}

/** "4.3.4", or "4.3.6 (master)" where the release goes by another name. */
function versionOf(version: string, release: string): string {
  return version === release ? version : `${version} (${release})`
}

/** What was built, from which source and with which libscif, as lines for people. */
export function builtFacts(artifacts: Artifacts): [string, string][] {
  const built = need(artifacts, 'built')
  const work = need(artifacts, 'work')
  const source = need(artifacts, 'source')
  const { kind, version, device } = built.scif
  const kinds = { soft: 'SoftSCIF', real: `of ${built.scif.prefix}`, none: 'none' }
  return [
    ['libzmq', `${versionOf(built.zmqVersion, work.release)}, tree ${work.tree.slice(0, 12)}`],
    ['source', `${source.route}${source.cached ? ', from the cache' : ''}`],
    ['series', `${work.commits.length} commits, ${work.seriesHash.slice(0, 12)}`],
    ['libscif', [kinds[kind], version, device].filter(Boolean).join(', ')],
    ['zmq_has("scif")', built.hasScif ? '1' : '0'],
    ['built by', `${built.buildSystem}, ${built.compiler}`],
    ['prefix', built.prefix],
  ]
}
