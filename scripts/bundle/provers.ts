// SPDX-License-Identifier: MPL-2.0

import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type RunResult, run } from '../system/run.ts'
import { commandLine } from '../ui/quote.ts'
import { proveFormat } from './format.ts'
import type { ProveOptions } from './prove.ts'

export interface ProverOptions extends ProveOptions {
  logFile: string
}

export interface Found {
  passed: boolean
  detail: string
  command: string
}

/** Something to be tried; `name` is that of the gate. */
export interface Prover {
  name: string
  run(options: ProverOptions): Promise<Found>
}

export const provers: readonly Prover[] = [
  { name: 'clang-format', run: proveFormat },
  { name: 'docs', run: proveDocs },
  { name: 'cxx98', run: proveCxx98 },
  { name: 'distcheck', run: proveDistcheck },
]

/** Milliseconds for one command; distcheck builds everything twice and runs all tests. */
const limit = 3_600_000

/** The program's first that answers to --version, with its version. */
export async function findProgram(
  names: readonly string[],
  { env, dir, signal }: Pick<ProveOptions, 'env' | 'dir' | 'signal'>,
): Promise<{ name: string; version: string } | undefined> {
  for (const name of names) {
    const said = await run([name, '--version'], { cwd: dir, env, signal, timeout: 30_000 }).catch(
      () => undefined,
    )
    if (said?.exitCode === 0)
      return { name, version: /\d+\.\d+[.\d]*/.exec(said.stdout)?.[0] ?? 'unknown' }
  }
  return undefined
}

/** The files of a commit in a fresh folder, without a repository, as a release archive has them. */
export async function checkOutTo(options: ProverOptions, name: string): Promise<string> {
  const { gitDir, head, dir } = options
  const target = join(dir, name)
  await rm(target, { recursive: true, force: true })
  await mkdir(target, { recursive: true })
  const index = { ...options.env, GIT_INDEX_FILE: join(dir, `${name}.index`) }
  const git = [`--git-dir=${gitDir}`, `--work-tree=${target}`, '-c', 'core.autocrlf=false']
  await must(['git', ...git, 'read-tree', head], target, { ...options, env: index })
  await must(['git', ...git, 'checkout-index', '--all', '--force'], target, {
    ...options,
    env: index,
  })
  await rm(join(dir, `${name}.index`), { force: true })
  return target
}

/** Runs a command of a prover into its log. */
function call(
  argv: readonly string[],
  cwd: string,
  {
    env,
    signal,
    logFile,
    progress,
  }: Pick<ProverOptions, 'env' | 'signal' | 'logFile' | 'progress'>,
): Promise<RunResult> {
  return run(argv, { cwd, env, signal, logFile, timeout: limit, onLine: (line) => progress(line) })
}

async function must(argv: readonly string[], cwd: string, options: ProverOptions): Promise<void> {
  const result = await call(argv, cwd, options)
  if (result.exitCode !== 0) throw new Error(`${commandLine(argv)} failed in ${cwd}`)
}

/** Runs commands until one fails. */
async function chain(
  commands: readonly (readonly string[])[],
  cwd: string,
  options: ProverOptions,
): Promise<{ failed?: string; output: string }> {
  let output = ''
  for (const argv of commands) {
    const result = await call(argv, cwd, options)
    output += result.stdout + result.stderr
    options.signal.throwIfAborted()
    const what = argv
      .filter((word) => /^[\w./]+$/.test(word))
      .slice(0, 2)
      .join(' ')
    if (result.exitCode !== 0)
      return { failed: `${what} ended with ${result.exitCode ?? result.signal}`, output }
  }
  return { output }
}

const withCcache = async (options: ProverOptions, compiler: string): Promise<string> =>
  (await findProgram(['ccache'], options)) ? `ccache ${compiler}` : compiler

/** What finds libscif while building and running, where the linker does not know its folder. */
function withScif(options: ProverOptions): ProverOptions {
  const path = [join(options.scif.prefix, 'lib'), options.env.LD_LIBRARY_PATH].filter(Boolean)
  return { ...options, env: { ...options.env, LD_LIBRARY_PATH: path.join(':') } }
}

/** The manual pages, by the tools that this release wants for them. */
async function proveDocs(options: ProverOptions): Promise<Found> {
  const source = await checkOutTo(options, 'docs')
  const adoc = existsSync(join(source, 'doc', 'zmq_scif.adoc'))
  const tool = await findProgram(adoc ? ['asciidoctor'] : ['asciidoc'], options)
  const command = './configure --with-docs && make -C doc'
  if (!tool) {
    const name = adoc ? 'asciidoctor' : 'asciidoc, with xmlto,'
    return { passed: false, command, detail: `${name} is not installed` }
  }
  const done = await chain(
    [
      ['./autogen.sh'],
      ['./configure', '--with-docs', '--disable-perf', '--disable-curve'],
      ['make', '-C', 'doc', `-j${options.jobs}`],
    ],
    source,
    options,
  )
  const page = join(source, 'doc', 'zmq_scif.7')
  if (done.failed) return { passed: false, command, detail: done.failed }
  if (!existsSync(page)) return { passed: false, command, detail: 'zmq_scif.7 was not made' }
  await rm(source, { recursive: true, force: true })
  return {
    passed: true,
    command,
    detail: `zmq_scif.7 and the others, by ${tool.name} ${tool.version}`,
  }
}

/** Files of the transport that a compiler warns of. */
export function warnedOf(output: string): string[] {
  const pattern = /^(?:\.\/|\.\.\/)*([\w/]*scif[\w/]*\.[ch]pp):\d+:\d+: (?:warning|error):/gm
  return [...new Set([...output.matchAll(pattern)].map((match) => match[1] ?? ''))]
}

/**
 * Upstream's lane for C++98, which it runs with clang: the library and all test programs, and no
 * warning of a source that the series adds.
 */
async function proveCxx98(given: ProverOptions): Promise<Found> {
  const options = withScif(given)
  const compiler = await findProgram(['clang++', 'g++', 'c++'], options)
  const command = 'configure --with-scif --enable-force-CXX98-compat && make check TESTS='
  if (!compiler) return { passed: false, command, detail: 'there is no C++ compiler' }
  const source = await checkOutTo(options, 'cxx98')
  const done = await chain(
    [
      ['./autogen.sh'],
      [
        './configure',
        `--with-scif=${options.scif.prefix}`,
        '--enable-force-CXX98-compat',
        // Compilers differ in what they warn of in upstream's own files.
        '--disable-Werror',
        '--without-docs',
        `CXX=${await withCcache(options, compiler.name)}`,
      ],
      ['make', `-j${options.jobs}`],
      ['make', `-j${options.jobs}`, 'check', 'TESTS='],
    ],
    source,
    options,
  )
  if (done.failed) return { passed: false, command, detail: done.failed }
  const warned = warnedOf(done.output)
  if (warned.length > 0)
    return { passed: false, command, detail: `${compiler.name} warns of ${warned.join(', ')}` }
  await rm(source, { recursive: true, force: true })
  return {
    passed: true,
    command,
    detail: `the library and all test programs, by ${compiler.name} ${compiler.version}`,
  }
}

/** Upstream's first lane: what `make dist` packs has to build, pass and clean up after itself. */
async function proveDistcheck(given: ProverOptions): Promise<Found> {
  const options = withScif(given)
  const source = await checkOutTo(options, 'distcheck')
  const flags = [`--with-scif=${options.scif.prefix}`, '--without-docs']
  const compiler = `CXX=${await withCcache(options, 'c++')}`
  const command = 'make distcheck DISTCHECK_CONFIGURE_FLAGS=--with-scif'
  const done = await chain(
    [
      ['./autogen.sh'],
      ['./configure', ...flags, compiler],
      [
        'make',
        `-j${options.jobs}`,
        'distcheck',
        `DISTCHECK_CONFIGURE_FLAGS=${flags.join(' ')} '${compiler}'`,
      ],
    ],
    source,
    options,
  )
  if (done.failed) return { passed: false, command, detail: done.failed }
  await rm(source, { recursive: true, force: true })
  // Automake sums up each of its runs: distcheck has one.
  const sum = (what: string): number =>
    [...done.output.matchAll(new RegExp(`^# ${what}: +(\\d+)$`, 'gm'))].reduce(
      (all, [, n]) => all + Number(n),
      0,
    )
  return {
    passed: true,
    command,
    detail: `${sum('PASS')} test programs passed, ${sum('SKIP')} were skipped`,
  }
}
