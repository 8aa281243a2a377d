// SPDX-License-Identifier: MPL-2.0
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { pairCommands, runLatency, runThroughput, scifEndpoints } from '../bench/pair.ts'
import type { Latency, Throughput } from '../bench/parse.ts'
import { UserError } from '../ui/errors.ts'
import { commandLine } from '../ui/quote.ts'
import type { Step } from '../ui/steps.ts'
import { type Artifacts, need } from './artifacts.ts'
import type { CommandInput } from './command.ts'
import { prefixOf } from './compile.ts'

/** The figures of the short run at the end of the main job; `perf` measures in earnest. */
export interface QuickFigures {
  throughput: Throughput
  latency: Latency
}

const size = 1000
/** The receiver's clock starts at its first message: fewer than fit into the ring time nothing. */
const messages = 100_000
const roundtrips = 1000
/** Milliseconds; the run itself takes some of them only. */
const timeout = 30_000

/**
 * The step that proves the prefix by running its perf programs over scif://. Another program may
 * have the port: some are tried, high ones, which are nobody's by convention.
 */
export function quickRunStep(input: CommandInput, artifacts: Artifacts): Step {
  const { context } = input
  const bin = join(prefixOf(input), 'bin')
  const example = { bin, size, ...scifEndpoints(6666) }
  return {
    id: 'quick-run',
    title: 'Run the perf programs over scif://',
    plan: [
      pairCommands('thr', { ...example, count: messages }),
      pairCommands('lat', { ...example, count: roundtrips }),
    ].flatMap(({ local, remote }) => [`${commandLine(local)} &`, commandLine(remote)]),
    run: async (handle) => {
      const { prefix } = need(artifacts, 'built')
      const common = {
        bin: join(prefix, 'bin'),
        size,
        timeout,
        env: context.env,
        signal: handle.signal,
      }
      handle.progress('throughput')
      const throughput = await onFreePort((port) =>
        runThroughput({ ...common, count: messages, ...scifEndpoints(port) }),
      )
      handle.progress('latency')
      const latency = await onFreePort((port) =>
        runLatency({ ...common, count: roundtrips, ...scifEndpoints(port) }),
      )
      artifacts.quick = { throughput, latency }
      return {
        status: 'done',
        detail: `${Math.round(throughput.messagesPerSecond)} msg/s, ${latency.microseconds} µs`,
      }
    },
  }
}

async function onFreePort<T>(work: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(randomInt(20_000, 60_000))
    } catch (error) {
      const taken = error instanceof UserError && /Address already in use/.test(error.details ?? '')
      if (!taken || attempt === 5) throw error
    }
  }
}

/** The figures as lines for people. */
export function quickFacts({ throughput, latency }: QuickFigures): [string, string][] {
  const { messagesPerSecond, megabitsPerSecond } = throughput
  return [
    [
      'throughput',
      `${Math.round(messagesPerSecond)} msg/s, ${megabitsPerSecond.toFixed(0)} Mb/s (${messages} messages of ${size} bytes)`,
    ],
    ['latency', `${latency.microseconds.toFixed(1)} µs one way (${roundtrips} round trips)`],
  ]
}
