// SPDX-License-Identifier: MPL-2.0
import { appendFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { runLatency, runThroughput } from '../bench/pair.ts'
import { run, runOrFail } from '../system/run.ts'
import { which } from '../toolchain/detect.ts'
import { must, pair, testedRelease } from './build-script.ts'
import { Checks } from './checks.ts'
import { add, type Counts, nothing } from './counts.ts'
import { ctest, tapProgram } from './native.ts'
import { buildTransport, transportFloor } from './native-stages.ts'
import type { Stage, StageContext } from './stage.ts'

/** Memory that can't be registered: the ends go on without rings. */
const noMemory = { SOFTSCIF_FAULTS: 'register=ENOMEM' }

/** What the transport promises, where the scenarios in one mode on one node do not show it. */
export const proofStages: readonly Stage[] = [
  {
    id: 'transport-standards',
    beside: true,
    title: 'The transport’s sources in every C++ from 98 to 20, without a warning',
    floor: 6,
    minutes: 5,
    after: ['build'],
    run: compileInAllStandards,
  },
  {
    id: 'transport-format',
    beside: true,
    title: 'The transport’s sources as upstream’s .clang-format wants them',
    floor: 0,
    minutes: 5,
    after: ['build'],
    run: checkFormat,
  },
  {
    id: 'transport-runner',
    title: 'What runs the scenarios reports each way that one can end',
    floor: 1,
    minutes: 5,
    after: ['build'],
    run: async (context) => ctest(context, await buildTransport(context, 'prefix')),
  },
  {
    id: 'transport-seed',
    title: 'The seed commands without rings, and with rings at one end only',
    floor: 12,
    minutes: 5,
    after: ['build'],
    run: runSeedCommands,
  },
  {
    id: 'transport-nodes',
    beside: true,
    title: 'The transport: the same between two nodes, where large messages go by DMA',
    floor: transportFloor,
    minutes: 15,
    after: ['build'],
    run: async (context) =>
      tapProgram(context, [await program(context), ...otherNode, '--mode', 'rings'], twoNodes),
  },
  {
    id: 'transport-endurance',
    beside: true,
    title: 'The transport: mixed sizes up to 8 MiB by the hundred thousand, in every mode',
    floor: 24,
    minutes: 15,
    after: ['build'],
    run: endure,
  },
  {
    id: 'transport-valgrind',
    beside: true,
    title: 'The series’ own tests under valgrind',
    floor: 0,
    minutes: 10,
    after: ['build'],
    run: runUnderValgrind,
  },
]

const twoNodes = { SOFTSCIF_NODES: '2', SOFTSCIF_NODE: '0' }
const otherNode = ['--peer-env', 'SOFTSCIF_NODE=1']

async function program(context: StageContext): Promise<string> {
  return join(await buildTransport(context, 'prefix'), 'transport-tests')
}

/** The scenarios that check each byte of many messages, where the bytes go each way that there is. */
async function endure(context: StageContext): Promise<Counts> {
  const path = await program(context)
  const modes = [
    { messages: 400_000, options: ['--mode', 'rings'], env: {} },
    { messages: 20_000, options: ['--mode', 'endpoint'], env: noMemory },
    {
      messages: 20_000,
      options: ['--mode', 'endpoint', '--peer-env', `SOFTSCIF_FAULTS=${noMemory.SOFTSCIF_FAULTS}`],
      env: {},
    },
    // Transfers that are done late and in any order, unless they are waited for.
    {
      messages: 20_000,
      options: ['--mode', 'rings', ...otherNode],
      env: { ...twoNodes, SOFTSCIF_ASYNC: '300' },
    },
  ]
  let total = nothing
  for (const { messages, options, env } of modes) {
    const argv = [path, '--filter', '^(mixed|mode)_', '--messages', String(messages), ...options]
    total = add(total, await tapProgram(context, argv, env))
  }
  return total
}

/** local_thr and the others in each mode but the one that the stage "build" runs them in. */
async function runSeedCommands(context: StageContext): Promise<Counts> {
  const checks = new Checks(context)
  const bin = join(context.out, 'prefix', 'bin')
  let port = 30_700
  const modes = [
    { name: 'without rings', local: noMemory, remote: noMemory },
    { name: 'no memory for the local program', local: noMemory, remote: {} },
    { name: 'no memory for the remote program', local: {}, remote: noMemory },
  ]
  for (const { name, local, remote } of modes)
    for (const first of ['local', 'remote'] as const) {
      const options = () => ({
        ...pair(context, bin, port++),
        order: { first, gap: 200 },
        endEnv: { local, remote },
      })
      await checks.that(`local_thr and remote_thr, ${first} first, ${name}`, async () => {
        must((await runThroughput(options())).messagesPerSecond > 0, 'no message')
      })
      await checks.that(`local_lat and remote_lat, ${first} first, ${name}`, async () => {
        must((await runLatency(options())).microseconds > 0, 'no round trip')
      })
    }
  return checks.counts()
}

/** Folders of the stage "build". */
function built(context: StageContext) {
  return {
    tree: join(context.out, 'work', `libzmq-${testedRelease}`),
    dir: join(context.out, 'build', `${testedRelease}-autotools`),
    prefix: join(context.out, 'prefix'),
    ours: join(context.root, 'libzmq-ext', 'transport'),
  }
}

function sourcesOf(transport: string, pattern: RegExp): string[] {
  return ['src', 'tests', 'unittests'].flatMap((folder) =>
    readdirSync(join(transport, folder))
      .filter((name) => pattern.test(name))
      .sort()
      .map((name) => join(transport, folder, name)),
  )
}

async function compileInAllStandards(context: StageContext): Promise<Counts> {
  const checks = new Checks(context)
  const { tree, dir, prefix, ours } = built(context)
  const lanes = [
    ...['c++98', 'gnu++98', 'c++11', 'c++14', 'c++17', 'c++20'].map((name) => ['g++', name]),
    ...['c++98', 'c++20'].map((name) => ['clang++', name]),
  ].filter(([compiler = '']) => which(compiler, context.env)) as [string, string][]
  const warnings = ['-Wall', '-Wextra', '-pedantic', '-Werror', '-Wno-long-long']
  // Upstream's headers are upstream's matter.
  const upstream = [
    join(dir, 'src'),
    join(dir, 'tests'),
    ...['src', 'include', 'tests', 'external/unity'].map((name) => join(tree, name)),
    join(prefix, 'include'),
  ].flatMap((folder) => ['-isystem', folder])
  const common = ['-fsyntax-only', '-D_GNU_SOURCE', `-I${join(ours, 'src')}`, ...upstream]
  const sources = sourcesOf(ours, /\.cpp$/)
  for (const [compiler, standard] of lanes)
    await checks.that(`${compiler} -std=${standard}: ${sources.length} files`, async () => {
      const argv = [compiler, `-std=${standard}`, ...warnings, ...common, ...sources]
      await runOrFail(argv, { ...running(context), what: compiler })
    })
  return checks.counts()
}

async function checkFormat(context: StageContext): Promise<Counts> {
  const names = [18, 19, 17, 16].map((version) => `clang-format-${version}`)
  const tool = names.find((name) => which(name, context.env))
  if (!tool) return skipped(context, 'there is no clang-format between 16 and 19')
  const checks = new Checks(context)
  const { tree, ours } = built(context)
  const sources = sourcesOf(ours, /\.[ch]pp$/)
  await checks.that(`${tool} changes none of ${sources.length} files`, async () => {
    const argv = [tool, `--style=file:${join(tree, '.clang-format')}`, '--dry-run', '-Werror']
    await runOrFail([...argv, ...sources], { ...running(context), what: tool })
  })
  return checks.counts()
}

async function runUnderValgrind(context: StageContext): Promise<Counts> {
  if (!which('valgrind', context.env)) return skipped(context, 'there is no valgrind')
  const checks = new Checks(context)
  const { dir, prefix } = built(context)
  const names = ['pair_scif', 'reqrep_scif', 'address_scif', 'linger_scif']
  const tests = names.map((name) => `tests/test_${name}`)
  const options = { ...running(context), cwd: dir }
  await runOrFail(['make', `-j${context.jobs}`, ...tests], { ...options, what: 'make' })
  const valgrind = [
    'valgrind',
    '--error-exitcode=99',
    '--leak-check=full',
    '--show-leak-kinds=definite,indirect',
    '--errors-for-leak-kinds=definite,indirect',
    // To register memory next to its own stack, SoftSCIF goes to another one. Valgrind knows that
    // from a large stack frame only by the distance.
    '--max-stackframe=16384',
  ]
  const env = { ...context.env, LD_LIBRARY_PATH: join(prefix, 'lib') }
  for (const test of tests)
    await checks.that(`${test}: no error, no leak`, async () => {
      const argv = ['./libtool', '--mode=execute', ...valgrind, test]
      const done = await run(argv, { ...options, env })
      must(done.exitCode === 0, `exit code ${done.exitCode}:\n${done.stderr.slice(-3000)}`)
      must(/^\d+ Tests 0 Failures 0 Ignored/m.test(done.stdout), done.stdout)
      must(/ERROR SUMMARY: 0 errors/.test(done.stderr), done.stderr.slice(-3000))
    })
  return checks.counts()
}

function running({ out, env, signal, logFile, progress }: StageContext) {
  return { cwd: out, env, signal, logFile, onLine: progress }
}

function skipped(context: StageContext, why: string): Counts {
  appendFileSync(context.logFile, `skipped: ${why}\n`)
  return { ...nothing, skipped: 1 }
}
