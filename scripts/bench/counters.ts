// SPDX-License-Identifier: MPL-2.0
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../system/run.ts'
import { measure, type Session, type Wrap } from './measure.ts'
import type { Counters, Measure, Result } from './report.ts'
import { formatSize } from './sizes.ts'
import { isPeer, type Target } from './targets.ts'

/** A program that counts system calls. */
interface Counter {
  name: string
  /** It writes nothing when it is ended from outside. */
  patient: boolean
  argv(file: string): string[]
  read(file: string): number | undefined
}

const event = 'raw_syscalls:sys_enter'

/** The first that the machine allows is taken: perf disturbs the programs least. */
const syscallCounters: readonly Counter[] = [
  {
    name: 'perf stat',
    patient: true,
    argv: (file) => ['perf', 'stat', '-x', ',', '-e', event, '-o', file, '--'],
    read: (file) => numberIn(file, /^(\d+),[^,]*,raw_syscalls:sys_enter/m),
  },
  {
    name: 'strace -c',
    patient: true,
    argv: (file) => ['strace', '-f', '-c', '-o', file],
    read: (file) => numberIn(file, /^100\.00\s+[\d.]+\s+\d+\s+(\d+)\s.*total$/m),
  },
]

/** System calls that carry bytes between a program and the kernel. */
const carriers =
  'read,write,readv,writev,pread64,pwrite64,sendto,recvfrom,sendmsg,recvmsg,process_vm_readv,process_vm_writev'

const timeout = 60_000
/** Messages of a run that counts what starting and ending take. */
const few = 10

/** What can be counted, in runs of their own: counting slows the programs down. */
export async function countAll(
  targets: readonly Target[],
  results: readonly Result[],
  session: Session,
  at: (text: string) => void,
): Promise<Counters> {
  const libzmq = targets.filter(({ transport }) => transport !== 'ring')
  const calls = await countSystemCalls(libzmq, results, session, at)
  return { ...calls, ...(await countKernelCopies(libzmq, results, session, at)) }
}

async function countSystemCalls(
  targets: readonly Target[],
  results: readonly Result[],
  session: Session,
  at: (text: string) => void,
) {
  const { counter, note } = await choose(syscallCounters, session)
  const systemCalls: Counters['systemCalls'] = []
  if (!counter) return { systemCallsBy: null, systemCallsNote: note, systemCalls }
  // The peers' programs have to be ended from outside.
  for (const target of targets.filter(({ transport }) => !isPeer(transport))) {
    for (const what of ['throughput', 'latency'] as const) {
      const start = await counted(counter, target, what, 1, few, session)
      if (start === undefined) continue
      const all = of(results, target, what)
      for (const { size, count } of what === 'throughput'
        ? all
        : [...all.slice(0, 1), ...some(all)]) {
        at(`counting system calls: ${what} of ${target.transport}, ${formatSize(size)}`)
        const enough = Math.max(2 * few, Math.min(count, what === 'throughput' ? 50_000 : 2_000))
        const calls = await counted(counter, target, what, size, enough, session)
        if (calls === undefined) continue
        const messages = (enough - few) * (what === 'latency' ? 2 : 1)
        const perMessage = Math.max(0, calls - start) / messages
        systemCalls.push({ transport: target.transport, measure: what, size, perMessage })
      }
    }
  }
  return { systemCallsBy: counter.name, systemCalls }
}

async function countKernelCopies(
  targets: readonly Target[],
  results: readonly Result[],
  session: Session,
  at: (text: string) => void,
) {
  const bytes: Counter = {
    name: 'strace',
    patient: false,
    argv: (file) => ['strace', '-f', '-e', `trace=${carriers}`, '-o', file],
    read: bytesCarried,
  }
  const { counter, note } = await choose([bytes], session)
  const kernelCopies: Counters['kernelCopies'] = []
  if (!counter) return { kernelCopiesBy: null, kernelCopiesNote: note, kernelCopies }
  for (const target of targets) {
    const start = await counted(counter, target, 'throughput', 1, few, session)
    if (start === undefined) continue
    for (const { size, count } of some(of(results, target, 'throughput'))) {
      at(`counting bytes through the kernel: ${target.transport}, ${formatSize(size)}`)
      const enough = Math.max(20, Math.min(count, 2_000, Math.floor(2 ** 24 / size)))
      const carried = await counted(counter, target, 'throughput', size, enough, session)
      if (carried === undefined) continue
      kernelCopies.push({
        transport: target.transport,
        size,
        // What the run of few has carried is frames; its messages are of one byte.
        perByte: Math.max(0, carried - start) / (size * enough),
      })
    }
  }
  return { kernelCopiesBy: counter.name, kernelCopies }
}

const of = (results: readonly Result[], target: Target, what: Measure) =>
  results.filter((r) => r.transport === target.transport && r.measure === what)

/** One size each of those where payload outweighs frames: about 1 KiB, 64 KiB and 1 MiB. */
function some(results: readonly Result[]): Result[] {
  const near = [2 ** 10, 2 ** 16, 2 ** 20].flatMap((wanted) => {
    const far = (r: Result) => Math.abs(Math.log2(r.size / wanted))
    const nearest = [...results].sort((a, b) => far(a) - far(b))[0]
    return nearest && nearest.size >= 512 && far(nearest) <= 2 ? [nearest] : []
  })
  return [...new Set(near)]
}

/** The sum over the programs of a measurement, or nothing when it went wrong. */
async function counted(
  counter: Counter,
  target: Target,
  what: Measure,
  size: number,
  count: number,
  session: Session,
): Promise<number | undefined> {
  const file = (index: number) => join(session.places.scratch, `counted-${index}`)
  const wrap: Wrap = {
    argv: (argv, index) => {
      rmSync(file(index), { force: true })
      return [...counter.argv(file(index)), ...argv]
    },
    patient: counter.patient,
  }
  const outcome = await measure(target, what, size, count, timeout, session, wrap)
  if (outcome.kind !== 'figures') return undefined
  let sum = 0
  for (
    let index = 0;
    index < target.programs(what, size, count, session.places).argv.length;
    index++
  ) {
    const one = counter.read(file(index))
    if (one === undefined) return undefined
    sum += one
  }
  return sum
}

/** The first counter that works here, or why none does. */
async function choose(
  counters: readonly Counter[],
  { env, signal, places }: Session,
): Promise<{ counter?: Counter; note: string }> {
  const notes: string[] = []
  for (const counter of counters) {
    const file = join(places.scratch, 'trial')
    rmSync(file, { force: true })
    const options = { cwd: places.scratch, env, signal, timeout: 20_000 }
    const result = await run([...counter.argv(file), 'cat', '/proc/version'], options)
    const read = counter.read(file)
    if (result.exitCode === 0 && read !== undefined && read > 0) return { counter, note: '' }
    const why = result.stderr.trim().split('\n')[0] || 'it counts nothing'
    const absent = /command not found|No such file/.test(result.stderr)
    notes.push(`${counter.name}: ${absent ? 'not installed' : why.slice(0, 200)}`)
  }
  return { note: `not counted here; ${notes.join('; ')}` }
}

function numberIn(file: string, pattern: RegExp): number | undefined {
  const match = pattern.exec(contents(file))
  return match?.[1] === undefined ? undefined : Number(match[1])
}

function bytesCarried(file: string): number | undefined {
  const text = contents(file)
  if (text === '') return undefined
  let sum = 0
  // "… = 4096", also at the end of "<... recvfrom resumed>"; eventfd's 8 bytes are among them.
  for (const match of text.matchAll(/ = (\d+)$/gm)) sum += Number(match[1])
  return sum
}

function contents(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
