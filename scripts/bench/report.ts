// SPDX-License-Identifier: MPL-2.0
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { ExitCode, UserError } from '../ui/errors.ts'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const positive = v.pipe(v.number(), v.gtValue(0))
/** A name that goes into pages and file names as it is. */
const word = v.pipe(v.string(), v.regex(/^[\w-]+$/))

/** What the kernel has counted for all programs of one measurement, starting and ending included. */
const usage = v.object({
  /** Processor time, seconds. */
  user: v.number(),
  system: v.number(),
  /** Context switches: to wait, and because the processor was taken away. */
  voluntary: count,
  involuntary: count,
  /** The largest of the programs, bytes. */
  maxRss: count,
})

const sample = v.object({
  /** Samples of one round were taken one right after the other. */
  round: count,
  /** Messages per second, or microseconds one way. */
  value: positive,
  /** How long the measured part took. */
  seconds: v.number(),
  usage: v.optional(usage),
})

const result = v.object({
  transport: word,
  measure: v.picklist(['throughput', 'latency']),
  /** Bytes. */
  size: positive,
  /** Messages, or round trips, of one measurement. */
  count,
  unit: v.picklist(['msg/s', 'us']),
  median: positive,
  /** The quartiles. */
  low: positive,
  high: positive,
  min: positive,
  max: positive,
  /** Of the median; only with throughput. 1 MB is 1,000,000 bytes. */
  megabytesPerSecond: v.optional(positive),
  samples: v.pipe(v.array(sample), v.minLength(1)),
})

const problem = v.object({
  transport: word,
  measure: v.picklist(['throughput', 'latency']),
  size: positive,
  /** 0: while looking for the number of messages. */
  round: count,
  kind: v.picklist(['hang', 'failure']),
  message: v.string(),
})

const counter = v.object({
  transport: word,
  measure: v.picklist(['throughput', 'latency']),
  size: positive,
  /** A round trip is two messages. */
  perMessage: v.number(),
})

const kernelCopy = v.object({
  transport: word,
  size: positive,
  /** Bytes that system calls took and gave, per byte of message sent: 2 is once in and once out. */
  perByte: v.number(),
})

const reportSchema = v.object({
  schemaVersion: v.literal(1),
  command: v.literal('perf'),
  date: v.pipe(v.string(), v.isoTimestamp()),
  /** What to type to get it again. */
  commands: v.array(v.string()),
  /** What belongs to it, names relative to the folder of reports. */
  files: v.array(v.string()),
  release: v.string(),
  version: v.string(),
  tree: v.string(),
  route: v.string(),
  seriesHash: v.string(),
  edited: v.boolean(),
  compiler: v.string(),
  flags: v.array(v.string()),
  buildSystem: v.string(),
  libscif: v.object({
    kind: v.picklist(['soft', 'real', 'none']),
    version: v.optional(v.string()),
    device: v.optional(v.string()),
  }),
  /** SOFTSCIF_LINK: the figures of scif are those of a model. */
  link: v.nullable(v.string()),
  machine: v.object({
    cpu: v.string(),
    cores: count,
    kernel: v.string(),
    memory: v.string(),
    /** "kvm", "none" … */
    virtualization: v.string(),
    /** Average of one minute before and after. */
    load: v.tuple([v.number(), v.number()]),
  }),
  settings: v.object({
    quick: v.boolean(),
    transports: v.array(word),
    sizes: v.array(positive),
    rounds: count,
    /** Fewer than asked for when the time was up. */
    roundsDone: count,
    /** Seconds that one measurement was to take, and all of it. */
    secondsEach: positive,
    secondsAll: positive,
  }),
  seconds: v.number(),
  results: v.array(result),
  problems: v.array(problem),
  counters: v.object({
    /** By what system calls were counted; null with the reason when they could not be. */
    systemCallsBy: v.nullable(v.string()),
    systemCallsNote: v.optional(v.string()),
    systemCalls: v.array(counter),
    kernelCopiesBy: v.nullable(v.string()),
    kernelCopiesNote: v.optional(v.string()),
    kernelCopies: v.array(kernelCopy),
  }),
})

export type PerfReport = v.InferOutput<typeof reportSchema>
export type Result = v.InferOutput<typeof result>
export type Sample = v.InferOutput<typeof sample>
export type Usage = v.InferOutput<typeof usage>
export type Problem = v.InferOutput<typeof problem>
export type Counters = PerfReport['counters']
export type Machine = PerfReport['machine']
export type Measure = Result['measure']

/** A report of an earlier run. @throws UserError when the file is none */
export function readReport(file: string): PerfReport {
  const fault = (what: string) =>
    new UserError({
      message: `${file} is not a report of ./build perf: ${what}.`,
      hint: 'Give a perf.json that ./build perf has written: out/reports/perf.json, or one of docs/data/.',
      exitCode: ExitCode.usage,
    })
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw fault((error as Error).message)
  }
  const parsed = v.safeParse(reportSchema, value)
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  throw fault(`${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`)
}

/** The results of one measure, for each transport by size. */
export function resultsOf(report: PerfReport, transport: string, measure: Measure): Result[] {
  return report.results.filter((r) => r.transport === transport && r.measure === measure)
}
