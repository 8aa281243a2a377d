// SPDX-License-Identifier: MPL-2.0
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { ExitCode, UserError } from '../ui/errors.ts'
import { pairCommands, scifEndpoints } from './pair.ts'
import type { Measure } from './report.ts'

/** Where the programs are. */
export interface Places {
  /** libzmq's own. */
  bin: string
  /** Those of native-tests/perf. */
  tools: string
  /** For the sockets of ipc; a short path. */
  scratch: string
}

/** The programs of one measurement. */
export interface Programs {
  /** One, or local and remote. */
  argv: readonly (readonly string[])[]
  /** Which of them prints the figures. */
  figures: number
  /**
   * Whether the others have to end by themselves. A sender whose last messages are lost would
   * not; but some programs only idle after the figures are there.
   */
  othersEnd: boolean
}

export interface Target {
  transport: string
  /** A sentence for the legend and the guide. */
  title: string
  programs(measure: Measure, size: number, count: number, places: Places): Programs
}

const kinds = { throughput: 'thr', latency: 'lat' } as const

interface Endpoints {
  bind: string
  connect: string
}

/** Another program may have the port; whoever measures tries another one then. */
const port = () => randomInt(20_000, 60_000)

const onScif = (): Endpoints => scifEndpoints(port())
const onTcp = (): Endpoints => both(`tcp://127.0.0.1:${port()}`)
const onIpc = ({ scratch }: Places): Endpoints =>
  both(`ipc://${join(scratch, `${randomInt(2 ** 40).toString(36)}.ipc`)}`)
const both = (endpoint: string): Endpoints => ({ bind: endpoint, connect: endpoint })

/** libzmq's local_thr and remote_thr, local_lat and remote_lat. */
function libzmq(
  transport: string,
  title: string,
  endpoints: (places: Places) => Endpoints,
): Target {
  return {
    transport,
    title,
    programs: (measure, size, count, places) => {
      const options = { bin: places.bin, ...endpoints(places), size, count }
      const { local, remote } = pairCommands(kinds[measure], options)
      return measure === 'throughput'
        ? { argv: [local, remote], figures: 0, othersEnd: true }
        : // local_lat sleeps for a second before it ends.
          { argv: [local, remote], figures: 1, othersEnd: false }
    },
  }
}

/** nanomsg's or nng's programs, which are made after libzmq's. */
function peer(library: string, over: string, endpoints: (places: Places) => Endpoints): Target {
  return {
    transport: `${library}-${over}`,
    title: `${library} over ${over}`,
    programs: (measure, size, count, places) => {
      const program = join(places.tools, `${library}_perf`)
      const { bind, connect } = endpoints(places)
      const kind = kinds[measure]
      return {
        argv: [
          [program, `local_${kind}`, bind, `${size}`, `${count}`],
          [program, `remote_${kind}`, connect, `${size}`, `${count}`],
        ],
        figures: measure === 'throughput' ? 0 : 1,
        othersEnd: false,
      }
    },
  }
}

/** A program that is both ends. */
function alone(
  transport: string,
  title: string,
  argv: (kind: 'thr' | 'lat', places: Places) => string[],
): Target {
  return {
    transport,
    title,
    programs: (measure, size, count, places) => ({
      argv: [[...argv(kinds[measure], places), `${size}`, `${count}`]],
      figures: 0,
      othersEnd: true,
    }),
  }
}

export const targets: readonly Target[] = [
  libzmq('scif', 'libzmq over scif://', onScif),
  libzmq('ipc', 'libzmq over ipc://', onIpc),
  libzmq('tcp', 'libzmq over tcp://, loopback', onTcp),
  alone('inproc', 'libzmq over inproc://, two threads', (kind, { bin }) => [
    join(bin, `inproc_${kind}`),
  ]),
  alone('ring', 'bare ring in shared memory: the limit', (kind, { tools }) => [
    join(tools, 'raw_ring'),
    kind,
  ]),
]

/** What --peers adds. */
export const peers = ['nanomsg', 'nng'] as const

export const peerTargets: readonly Target[] = peers.flatMap((library) => [
  peer(library, 'ipc', onIpc),
  peer(library, 'tcp', onTcp),
])

/** The targets of --transports; the limit is always measured with them. */
export function selectTargets(names: string | undefined, withPeers: boolean): Target[] {
  const all = withPeers ? [...targets, ...peerTargets] : [...targets]
  if (names === undefined) return all
  const wanted = names.split(',').map((name) => name.trim())
  for (const name of wanted)
    if (!all.some((target) => target.transport === name))
      throw new UserError({
        message: `--transports: ${JSON.stringify(name)} is not measured.`,
        hint: `There are ${all.map((t) => t.transport).join(', ')}${withPeers ? '' : '; --peers adds nanomsg and nng'}.`,
        exitCode: ExitCode.usage,
      })
  return all.filter(
    ({ transport }) => transport === 'ring' || wanted.includes(transport) || isPeer(transport),
  )
}

/** Whether it is another library than libzmq. */
export function isPeer(transport: string): boolean {
  return peers.some((name) => transport.startsWith(`${name}-`))
}

/** The title of a transport in a report, which may be of a later version than this. */
export function titleOf(transport: string): string {
  return (
    [...targets, ...peerTargets].find((target) => target.transport === transport)?.title ??
    transport
  )
}
