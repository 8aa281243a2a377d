// SPDX-License-Identifier: MPL-2.0
//
// One run of the chain: starts the devices, kills one when asked to, and adds up their reports.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

export type Transport = 'scif' | 'ipc' | 'tcp'

export interface ChainOptions {
  /** Where the devices are. */
  bin: string
  transport: Transport
  samplers: number
  /** Of each sampler. */
  events: number
  /** Bytes of an event. */
  least: number
  most: number
  kill: boolean
  /** For the sockets of ipc. */
  workDir: string
  signal: AbortSignal
}

export interface DeviceReport {
  device: 'sampler' | 'processor' | 'sink'
  id: number
  events: number
  bytes: number
  seconds: number
}

export interface SinkReport extends DeviceReport {
  missing: number
  damaged: number
  twice: number
  /** Events by the processor that they went through. */
  processors: Record<string, number>
}

export interface ChainResult {
  transport: Transport
  devices: readonly DeviceReport[]
  sent: number
  received: number
  missing: number
  damaged: number
  twice: number
  killed: boolean
  /** As many may be in flight to a processor, in it and from it: see README.md. */
  bound: number
  processors: Record<string, number>
  ok: boolean
}

/** The longest that a chain may take. */
const longest = 120_000
/** Milliseconds after which the sink takes for lost what has not come. */
const silence = 1500

/** Nodes of SoftSCIF: the host and two cards. */
const nodes = { host: '0', mic0: '1', mic1: '2' } as const

/** The device that is killed: the processor on mic1, and its successor. */
const victim = { id: 1, successor: 2 }

/** The chain's devices, which end with it. */
class Devices {
  readonly #options: ChainOptions
  readonly #running = new Set<ChildProcess>()
  readonly #env: NodeJS.ProcessEnv

  constructor(options: ChainOptions) {
    this.#options = options
    // A machine of its own for each run: nobody else's ports are in the way.
    const realm = `device-chain-${process.pid}-${Date.now()}`
    this.#env = { ...process.env, SOFTSCIF_NODES: '3', SOFTSCIF_REALM: realm }
  }

  start(device: string, node: keyof typeof nodes, args: readonly (string | number)[]): Device {
    const child = spawn(join(this.#options.bin, device), args.map(String), {
      env: { ...this.#env, SOFTSCIF_NODE: nodes[node] },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#running.add(child)
    child.once('close', () => this.#running.delete(child))
    return new Device(device, child)
  }

  async endAll(): Promise<void> {
    const ends = [...this.#running].map((child) => once(child, 'close'))
    for (const child of this.#running) child.kill('SIGKILL')
    await Promise.all(ends)
  }
}

class Device {
  readonly name: string
  readonly child: ChildProcess
  /** Its end; never rejects. */
  readonly ended: Promise<{ code: number | null; output: string }>
  #errors = ''
  #watches: { pattern: RegExp; found: () => void }[] = []

  constructor(name: string, child: ChildProcess) {
    this.name = name
    this.child = child
    let output = ''
    child.stdout?.on('data', (chunk) => {
      output += chunk
    })
    child.stderr?.on('data', (chunk) => {
      this.#errors += chunk
      for (const { pattern, found } of this.#watches) if (pattern.test(this.#errors)) found()
    })
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => resolve({ code: null, output: String(error) }))
      child.once('close', (code) => resolve({ code, output }))
    })
  }

  /** Waits until it has said so. */
  async says(pattern: RegExp): Promise<void> {
    const said = new Promise<'said'>((resolve) => {
      this.#watches.push({ pattern, found: () => resolve('said') })
      if (pattern.test(this.#errors)) resolve('said')
    })
    if ((await Promise.race([said, this.ended])) !== 'said')
      throw new Error(`${this.name} ended before it said ${pattern}: ${this.#errors}`)
  }

  /** Its report, when it has ended well. */
  async report<T extends DeviceReport>(): Promise<T> {
    const { code, output } = await this.ended
    if (code !== 0) throw new Error(`${this.name} ended with ${code}: ${this.#errors}${output}`)
    return JSON.parse(output) as T
  }
}

/** Where the sink and the processors bind. */
async function endpoints({ transport, workDir }: ChainOptions) {
  switch (transport) {
    case 'scif':
      return { sink: 'scif://host:2000', processors: ['scif://mic0:2001', 'scif://mic1:2002'] }
    case 'ipc': {
      mkdirSync(workDir, { recursive: true })
      const file = (name: string) => `ipc://${join(workDir, name)}`
      return { sink: file('sink'), processors: [file('mic0'), file('mic1')] }
    }
    case 'tcp': {
      const [sink, ...processors] = (await freePorts(3)).map((port) => `tcp://127.0.0.1:${port}`)
      return { sink: sink ?? '', processors }
    }
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  const ports = await Promise.all(
    servers.map(async (server) => {
      await once(server, 'listening')
      const address = server.address()
      return typeof address === 'object' && address ? address.port : 0
    }),
  )
  for (const server of servers) server.close()
  return ports
}

/** Events that a processor's death may cost: at each end of each connection, under way, and in hand. */
function inFlight(samplers: number): number {
  const queued = 2
  const underWay = 2
  return samplers * (queued + underWay + queued) + 1 + queued + underWay
}

/** Runs the chain once. Whatever happens, no device is left. */
export async function runChain(options: ChainOptions): Promise<ChainResult> {
  const limit = AbortSignal.any([options.signal, AbortSignal.timeout(longest)])
  const devices = new Devices(options)
  const stopped = new Promise<never>((_, reject) => {
    limit.addEventListener('abort', () => reject(limit.reason), { once: true })
  })
  try {
    return await Promise.race([chain(options, devices), stopped])
  } finally {
    await devices.endAll()
  }
}

async function chain(options: ChainOptions, devices: Devices): Promise<ChainResult> {
  const { samplers: count, events, least, most } = options
  const at = await endpoints(options)
  const sink = devices.start('sink', 'host', [at.sink, count, events, least, most, silence])
  await sink.says(/is up/)
  const cards = ['mic0', 'mic1'] as const
  const process = (id: number, card: 0 | 1) =>
    devices.start('processor', cards[card], [id, at.processors[card] ?? '', at.sink])
  const processors = [process(0, 0), process(victim.id, 1)]
  for (const each of processors) await each.says(/is up/)
  const samplers = Array.from({ length: count }, (_, id) =>
    devices.start('sampler', 'host', [id, events, least, most, ...at.processors]),
  )
  if (options.kill) {
    await sink.says(new RegExp(`has ${Math.floor((count * events) / 3)}\n`))
    processors[1]?.child.kill('SIGKILL')
    await processors[1]?.ended
    processors[1] = process(victim.successor, 1)
  }
  const sampled = await Promise.all(samplers.map((each) => each.report()))
  const sunk = await sink.report<SinkReport>()
  for (const each of processors) each.child.kill('SIGTERM')
  const processed = await Promise.all(processors.map((each) => each.report()))
  const bound = options.kill ? inFlight(count) : 0
  const { missing, damaged, twice } = sunk
  // Else something would be missing that the death of another processor does not explain.
  const passedOn = processed.every(({ id, events }) => events === (sunk.processors[id] ?? 0))
  const back = !options.kill || (sunk.processors[victim.successor] ?? 0) > 0
  return {
    transport: options.transport,
    devices: [...sampled, ...processed, sunk],
    sent: count * events,
    received: sunk.events,
    missing,
    damaged,
    twice,
    killed: options.kill,
    bound,
    processors: sunk.processors,
    ok: missing <= bound && damaged === 0 && twice === 0 && passedOn && back,
  }
}
