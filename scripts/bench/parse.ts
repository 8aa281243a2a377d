// SPDX-License-Identifier: MPL-2.0

/** What local_thr prints. */
export interface Throughput {
  /** Bytes. */
  messageSize: number
  messageCount: number
  messagesPerSecond: number
  megabitsPerSecond: number
}

/** What remote_lat prints. */
export interface Latency {
  /** Bytes. */
  messageSize: number
  roundtrips: number
  /** One way, microseconds: half a round trip. */
  microseconds: number
}

/** The figures in local_thr's output, or undefined when they are not all there. */
export function parseThroughput(output: string): Throughput | undefined {
  const messageSize = figure(output, 'message size', 'B')
  const messageCount = figure(output, 'message count')
  const messagesPerSecond = figure(output, 'mean throughput', 'msg/s')
  const megabitsPerSecond = figure(output, 'mean throughput', 'Mb/s')
  return messageSize === undefined ||
    messageCount === undefined ||
    messagesPerSecond === undefined ||
    megabitsPerSecond === undefined
    ? undefined
    : { messageSize, messageCount, messagesPerSecond, megabitsPerSecond }
}

/** The figures in remote_lat's output, or undefined when they are not all there. */
export function parseLatency(output: string): Latency | undefined {
  const messageSize = figure(output, 'message size', 'B')
  const roundtrips = figure(output, 'roundtrip count')
  const microseconds = figure(output, 'average latency', 'us')
  return messageSize === undefined || roundtrips === undefined || microseconds === undefined
    ? undefined
    : { messageSize, roundtrips, microseconds }
}

/** The number of a line "name: 1.5 [unit]"; a line that was cut short has none. */
function figure(output: string, name: string, unit?: string): number | undefined {
  const end = unit === undefined ? '' : ` \\[${unit.replace('/', '\\/')}\\]`
  const match = new RegExp(`^${name}: (\\d+(?:\\.\\d+)?)${end}$`, 'm').exec(output)
  return match?.[1] === undefined ? undefined : Number(match[1])
}
