// SPDX-License-Identifier: MPL-2.0
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Env, run, runOrFail } from '../system/run.ts'
import { packageManager, readOsRelease } from '../toolchain/detect.ts'
import { installPackages, privilege } from '../toolchain/install.ts'
import type { Need } from '../toolchain/needs.ts'
import { buildAddon } from './addon-stages.ts'
import { jsonOf, must } from './build-script.ts'
import { Checks } from './checks.ts'
import { add, type Counts } from './counts.ts'
import type { Stage, StageContext } from './stage.ts'

/** pyzmq as distributions build it: its extension takes the system's libzmq.so.5. */
export const pyzmqStage: Stage = {
  id: 'pyzmq',
  beside: true,
  title: 'Debian’s pyzmq, unmodified, on this libzmq: its own tests, and over scif://',
  floor: 280,
  minutes: 12,
  after: ['build'],
  run: pyzmq,
}

/** Fewer passes of its tests on the system's own libzmq mean that they did not run. */
const leastPasses = 260

/** A test that hangs has so many seconds; the slowest takes 4. */
const testTimeout = 15

/** Tries for what failed. */
const mostTries = 8

/** Milliseconds between the starts of the two runs. */
const apart = 10_000

/** The system's interpreter, for which its packages are: not one that stands before it on PATH. */
const python = '/usr/bin/python3'

const pyzmqNeed: Need = {
  id: 'pyzmq',
  purpose: 'an unmodified program',
  probe: { kind: 'program', names: ['python3'] },
  required: false,
  packages: {
    apt: ['python3-zmq', 'python3-pytest', 'python3-pytest-asyncio'],
    dnf: ['python3-zmq', 'python3-pytest', 'python3-pytest-asyncio'],
    zypper: ['python3-pyzmq', 'python3-pytest', 'python3-pytest-asyncio'],
    pacman: ['python-pyzmq', 'python-pytest', 'python-pytest-asyncio'],
    apk: ['py3-pyzmq', 'py3-pytest', 'py3-pytest-asyncio'],
    brew: [],
  },
}

interface Suite {
  /** Verdicts by "file.Class.name". */
  verdicts: Map<string, 'passed' | 'skipped' | 'failed'>
  /** The libzmq and libscif that its process had mapped. */
  loaded: string[]
  /** What has not passed at the first try. */
  laterTry: string[]
}

async function pyzmq(context: StageContext): Promise<Counts> {
  const checks = new Checks(context)
  const lib = join(context.out, 'prefix', 'lib')
  const ours = { LD_LIBRARY_PATH: lib }
  const system = { LD_LIBRARY_PATH: undefined }
  let theirSuite: Suite | undefined
  let ourSuite: Suite | undefined
  await checks.that('pyzmq is there, and has its tests', () => installPyzmq(context))
  // At once, as they wait more than they work; not in step, as a few have fixed ports.
  const first = [
    runSuite(context, 'system', system),
    sleep(apart, undefined, { signal: context.signal }).then(() => runSuite(context, 'ours', ours)),
  ] as const
  for (const each of first) each.catch(() => {})
  await checks.that('its tests run on the system’s own libzmq', async () => {
    theirSuite = await tryAgain(context, 'system', system, await first[0])
    must(passes(theirSuite).length >= leastPasses, `${passes(theirSuite).length} passed`)
    must(theirSuite.loaded.length === 1, theirSuite.loaded.join())
    must(!theirSuite.loaded[0]?.startsWith(lib), theirSuite.loaded.join())
  })
  await checks.that(
    'the same tests run on this libzmq, with libscif, and on no other',
    async () => {
      ourSuite = await tryAgain(context, 'ours', ours, await first[1])
      must(ourSuite.loaded.length === 2, ourSuite.loaded.join())
      must(
        ourSuite.loaded.every((path) => path.startsWith(lib)),
        ourSuite.loaded.join(),
      )
    },
  )
  let passed = 0
  await checks.that('what passes on the system’s passes on this one', async () => {
    must(theirSuite && ourSuite, 'one of them has not run')
    const list = (title: string, names: readonly string[]) =>
      appendFileSync(context.logFile, `${title}: ${names.length}\n${names.join('\n')}\n`)
    list('passed on the system’s', passes(theirSuite))
    list('passed on ours', passes(ourSuite))
    list('passed on the system’s only', missing(theirSuite, ourSuite))
    list('passed on ours only', missing(ourSuite, theirSuite))
    for (const suite of [theirSuite, ourSuite]) list('at a later try', suite.laterTry)
    passed = passes(ourSuite).length
    const lost = missing(theirSuite, ourSuite)
    must(lost.length === 0, `${lost.length} do not: ${lost.join(', ')}`)
  })
  await talks(checks, context, lib)
  return add(checks.counts(), { passed, failed: 0, skipped: 0, failures: [] })
}

const passes = ({ verdicts }: Suite) =>
  [...verdicts].filter(([, verdict]) => verdict === 'passed').map(([name]) => name)

const missing = (expected: Suite, actual: Suite) =>
  passes(expected).filter((name) => actual.verdicts.get(name) !== 'passed')

/**
 * What failed, again, until it has passed or has had its tries. Some of these tests race, on either
 * libzmq: test_log's test_blank_root_topic, for one, subscribes and publishes in the same breath, over
 * tcp. On a busy machine it fails every other time, and those after it find its address in use.
 */
async function tryAgain(
  context: StageContext,
  name: string,
  more: Env,
  first: Suite,
): Promise<Suite> {
  let all = first
  for (let tries = 0; tries < mostTries; tries++) {
    const failed = [...all.verdicts].flatMap(([id, verdict]) => (verdict === 'failed' ? [id] : []))
    if (failed.length === 0) return all
    const next = await runSuite(context, `${name}-again`, more, failed)
    all = {
      verdicts: new Map([...all.verdicts, ...next.verdicts]),
      loaded: [...new Set([...all.loaded, ...next.loaded])],
      laterTry: [...all.laterTry, ...passes(next)],
    }
  }
  return all
}

async function installPyzmq(context: StageContext): Promise<void> {
  const { env, signal, logFile, offline, out, progress } = context
  const there = () =>
    run([python, '-c', 'import zmq.tests, pytest, pytest_asyncio'], {
      cwd: out,
      env,
      signal,
      logFile,
    })
  if (existsSync(python) && (await there()).exitCode === 0) return
  const need = { need: pyzmqNeed, found: undefined, version: undefined }
  const options = {
    missing: [need],
    manager: packageManager(readOsRelease(), env),
    privilege: await privilege(env, process.getuid?.() ?? -1),
    offline,
    env,
    logDir: join(out, 'logs'),
  }
  await installPackages(options, { signal, progress, line: progress })
  must((await there()).exitCode === 0, 'it cannot be imported although it is installed')
}

/** pyzmq's tests, all or those named, with an environment that decides on the libzmq. */
async function runSuite(
  context: StageContext,
  name: string,
  more: Env,
  only: readonly string[] = [],
): Promise<Suite> {
  const { root, out, env, signal, logFile, progress } = context
  const dir = join(out, 'pyzmq', name)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const report = join(dir, 'report.xml')
  const loaded = join(dir, 'loaded')
  const { stdout: tests } = await runOrFail(
    [python, '-c', 'import zmq.tests; print(zmq.tests.__path__[0])'],
    { cwd: dir, env, signal, what: 'python3' },
  )
  const which =
    only.length === 0 ? ['--pyargs', 'zmq.tests'] : only.map((id) => nodeId(tests.trim(), id))
  const plugins = ['-p', 'no:cacheprovider', '-p', 'which_libzmq']
  const argv = [python, '-m', 'pytest', ...plugins, '-v', `--junitxml=${report}`, ...which]
  await run(argv, {
    cwd: dir,
    env: {
      ...env,
      ...more,
      PYTHONPATH: join(root, 'native-tests', 'unmodified'),
      PYTHONDONTWRITEBYTECODE: '1',
      LOADED_LIBZMQ: loaded,
      ZMQ_TEST_TIMEOUT: String(testTimeout),
    },
    signal,
    logFile,
    timeout: 300_000,
    onLine: progress,
  })
  must(existsSync(report) && existsSync(loaded), 'pytest did not come to its end')
  return {
    verdicts: readJunit(readFileSync(report, 'utf8')),
    loaded: readFileSync(loaded, 'utf8').split('\n').filter(Boolean),
    laterTry: [],
  }
}

function readJunit(xml: string): Suite['verdicts'] {
  const cases = /<testcase classname="([^"]*)" name="([^"]*)"[^>]*?(\/>|>([\s\S]*?)<\/testcase>)/g
  return new Map(
    [...xml.matchAll(cases)].map(([, file = '', name = '', , body = '']) => [
      `${file.replace(/^zmq\.tests\./, '')}.${name}`,
      /<(failure|error)\b/.test(body) ? 'failed' : /<skipped\b/.test(body) ? 'skipped' : 'passed',
    ]),
  )
}

/** "test_log.TestPubLog.test_x" as pytest is told it. */
function nodeId(tests: string, name: string): string {
  const [file = '', ...rest] = name.split('.')
  return [join(tests, `${file}.py`), ...rest].join('::')
}

interface Talker {
  name: string
  argv: readonly string[]
  env: Env
}

interface Told {
  endpoint?: string
  good?: number
  scif?: boolean
  loaded?: string[]
}

/** Messages between pyzmq, C++ and the addon, over scif://, in each direction. */
async function talks(checks: Checks, context: StageContext, lib: string): Promise<void> {
  const { root, out } = context
  const dir = join(root, 'native-tests', 'unmodified')
  const py: Talker = {
    name: 'pyzmq',
    argv: [python, join(dir, 'talker.py')],
    env: { LD_LIBRARY_PATH: lib },
  }
  const others: Talker[] = []
  await checks.that('the other sides build: C++ and the addon', async () => {
    const program = join(out, 'pyzmq', 'talker')
    mkdirSync(join(out, 'pyzmq'), { recursive: true })
    const flags = [`-I${join(out, 'prefix', 'include')}`, `-L${lib}`, '-lzmq']
    const rpath = `-Wl,--disable-new-dtags,-rpath,${lib}`
    const source = join(dir, 'talker.cpp')
    await runOrFail(['c++', '-std=c++17', '-O1', source, '-o', program, ...flags, rpath], {
      cwd: root,
      env: context.env,
      signal: context.signal,
      logFile: context.logFile,
      what: 'Building the talker',
    })
    others.push({ name: 'C++', argv: [program], env: {} })
    const addon = await buildAddon(context, 'addon')
    const argv = [process.execPath, join(dir, 'talker.js')]
    others.push({ name: 'the addon', argv, env: { ZEROMQ_SCIF_ADDON: addon } })
  })
  for (const other of others)
    for (const [binds, connects, type] of [
      [other, py, ['pull', 'push']],
      [py, other, ['pull', 'push']],
      [other, py, ['rep', 'req']],
      [py, other, ['rep', 'req']],
    ] as const)
      await checks.that(
        `${connects.name} talks to ${binds.name} over scif://, ${type[1]} to ${type[0]}`,
        () => talk(context, { binds, connects, type, lib }),
      )
}

const messages = 200

async function talk(
  context: StageContext,
  talkers: { binds: Talker; connects: Talker; type: readonly [string, string]; lib: string },
): Promise<void> {
  const { binds, connects, type, lib } = talkers
  const server = start(context, binds, [type[0], 'scif://*:*'])
  const clients: Side[] = []
  try {
    const endpoint = (await server.line()).endpoint
    must(endpoint && /^scif:\/\/0:\d+$/.test(endpoint), `the endpoint is ${endpoint}`)
    const client = start(context, connects, [type[1], endpoint])
    clients.push(client)
    for (const [side, receives] of [
      [client, type[1] === 'req'],
      [server, true],
    ] as const) {
      const told = await side.line()
      must(!receives || told.good === messages, JSON.stringify(told))
      must(told.scif === true, JSON.stringify(told))
      const loaded = told.loaded ?? []
      must(loaded.length === 2 && loaded.every((path) => path.startsWith(lib)), loaded.join())
      must((await side.end()) === 0, 'it ended badly')
    }
  } finally {
    for (const side of [server, ...clients]) await side.kill()
  }
}

interface Side {
  /** What it says next. */
  line(): Promise<Told>
  /** Its exit code. */
  end(): Promise<number | null>
  kill(): Promise<void>
}

function start(context: StageContext, talker: Talker, args: readonly string[]): Side {
  const [program = '', ...first] = talker.argv
  const child: ChildProcess = spawn(program, [...first, ...args, String(messages)], {
    cwd: context.out,
    env: { ...context.env, ...talker.env } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exit = once(child, 'close')
  exit.catch(() => {})
  const take = (chunk: Buffer) => appendFileSync(context.logFile, chunk)
  child.stdout?.on('data', take)
  child.stderr?.on('data', take)
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[
    Symbol.asyncIterator
  ]()
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
  const end = async () => {
    const [code] = await exit
    clearTimeout(timer)
    return code
  }
  return {
    async line() {
      const { done, value } = await lines.next()
      must(!done, `${talker.name} ended without a word`)
      return jsonOf<Told>(value)
    },
    end,
    async kill() {
      child.kill('SIGKILL')
      await end()
    },
  }
}
