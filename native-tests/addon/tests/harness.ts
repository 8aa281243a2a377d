// SPDX-License-Identifier: MPL-2.0
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Message, SocketOptions, SocketType, WriteOnlySocketOptions } from '../index.js'
import * as zmq from '../index.js'

// SoftSCIF's ports for these tests alone; it reads this at the first call.
process.env.SOFTSCIF_REALM ??= `addon-tests-${process.pid}`

/** The longest that anything in these tests may take, and what most of them may. */
const longest = Number(process.env.ADDON_TESTS_TIMEOUT ?? 30_000)

type Options = Partial<SocketOptions & WriteOnlySocketOptions>

/** The promise, or a failure that says what has not come in time. */
export async function within<T>(promise: Promise<T>, what: string, limit = longest): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${limit} ms: ${what}`)), limit)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Waits until it holds. */
export async function until(condition: () => boolean | Promise<boolean>, what: string) {
  const end = Date.now() + longest
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${longest} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Gives up waiting for a message after a while. */
export const patience = () => ({ signal: AbortSignal.timeout(longest) })

/** Runs with a context, and terminates it however the test ends. */
export async function withContext(
  work: (context: zmq.Context) => Promise<void>,
  options?: Partial<zmq.ContextOptions>,
) {
  const context = new zmq.Context(options)
  try {
    await within(work(context), 'the test', 2 * longest)
  } catch (error) {
    // What the test has left open may keep it from ending, which is not what went wrong.
    await endOf(context).catch(() => {})
    throw error
  }
  await endOf(context)
}

async function endOf(context: zmq.Context) {
  if (!context.closed) await within(context.term(), 'term')
}

/** A socket in another process. */
export class FarSocket {
  readonly #peer: Peer
  readonly #id: number

  constructor(peer: Peer, id: number) {
    this.#peer = peer
    this.#id = id
  }

  #call<T>(name: string, ...args: unknown[]): Promise<T> {
    return this.#peer.call<T>(name, this.#id, ...args)
  }

  bind = (endpoint = 'scif://*:*') => this.#call<string>('bind', endpoint)
  connect = (endpoint: string) => this.#call<void>('connect', endpoint)
  set = (name: string, value: unknown) => this.#call<void>('set', name, value)
  send = (message: Message) => this.#call<void>('send', message)
  receive = () => this.#call<Uint8Array[]>('receive')
  flood = (count: number, size: number) => this.#call<void>('flood', count, size)
  digests = (count: number) => this.#call<string[]>('digests', count)
  count = (silence: number) => this.#call<number>('count', silence)
  echo = () => this.#call<void>('echo')
  close = () => this.#call<void>('close')
}

/** Another process with the addon. */
export class Peer {
  readonly #child: ChildProcess
  readonly #calls = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #next = 0

  private constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', (answer: { id: number; value?: unknown; error?: Error }) => {
      const call = this.#calls.get(answer.id)
      this.#calls.delete(answer.id)
      if (answer.error) call?.reject(Object.assign(new Error(), answer.error))
      else call?.resolve(answer.value)
    })
    child.on('exit', () => {
      for (const { reject } of this.#calls.values()) reject(new Error('the peer has ended'))
    })
  }

  static async start(env: Record<string, string> = {}): Promise<Peer> {
    const child = fork(join(import.meta.dirname, 'peer.js'), {
      env: { ...process.env, ...env },
      execArgv: [],
      serialization: 'advanced',
    })
    const peer = new Peer(child)
    await within(once(child, 'message'), 'the start of a peer')
    return peer
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  call<T>(name: string, ...args: unknown[]): Promise<T> {
    const id = this.#next++
    const answer = new Promise<T>((resolve, reject) => {
      this.#calls.set(id, { resolve: resolve as (value: unknown) => void, reject })
    })
    this.#child.send({ id, name, args })
    return within(answer, `${name} in a peer`, 2 * longest)
  }

  async socket(type: SocketType, options: Options = {}): Promise<FarSocket> {
    return new FarSocket(this, await this.call<number>('socket', type, options))
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Ends it, in order or by a signal, and waits. */
  async end(signal?: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    if (signal) this.#child.kill(signal)
    else this.#child.disconnect()
    try {
      await within(exit, 'the end of a peer', 10_000)
    } catch (error) {
      this.#child.kill('SIGKILL')
      throw error
    }
  }
}

/** Runs with another process, and ends it however the test ends. */
export async function withPeer(work: (peer: Peer) => Promise<void>, env?: Record<string, string>) {
  const peer = await Peer.start(env)
  try {
    await work(peer)
  } finally {
    await peer.end('SIGKILL')
  }
}

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  output: string
}

/** Runs a script of this folder by itself. */
export async function runScript(name: string, ...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, ['--expose-gc', join(import.meta.dirname, name), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  try {
    const [code, signal] = await within(once(child, 'close'), `${name} ${args.join(' ')}`)
    return { code, signal, output }
  } finally {
    child.kill('SIGKILL')
  }
}

setFlagsFromString('--expose-gc')
/** Collects all garbage now, and runs the finalizers. */
export async function collect(): Promise<void> {
  const gc: () => void = runInNewContext('gc')
  gc()
  await new Promise((resolve) => setImmediate(resolve))
  gc()
  await new Promise((resolve) => setImmediate(resolve))
}

export function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}

/** Processes of the tests that are still there; tsx has one of its own. */
export function children(): string[] {
  return readdirSync('/proc/self/task').flatMap((task) => {
    try {
      const pids = readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(' ')
      return pids.map(commandLine).filter((line) => line !== '' && !line.includes('esbuild'))
    } catch {
      // That thread has ended.
      return []
    }
  })
}

function commandLine(pid: string): string {
  if (pid === '') return ''
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}
