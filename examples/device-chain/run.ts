// SPDX-License-Identifier: MPL-2.0
//
// Builds the devices, runs the chain over each transport, and prints what they report.
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runOrFail } from '../../scripts/system/run.ts'
import { UserError } from '../../scripts/ui/errors.ts'
import { type ChainOptions, type ChainResult, runChain, type Transport } from './chain.ts'

const help = `
  A chain of devices as in an online system: samplers on the host, processors on two cards, a sink on
  the host. Cards are SoftSCIF nodes: everything runs on this machine.

  Usage
    $ npm run device-chain -- [options]

  Options
    --prefix <dir>      The built libzmq (default: out/prefix, what ./build makes)
    --out <dir>         Where the devices are built (default: out/device-chain)
    --transports <list> Default: scif,ipc,tcp
    --samplers <n>      Default: 2
    --events <n>        Of each sampler (default: 100)
    --sizes <min-max>   Of an event, in MB (default: 1-24)
    --kill              Kill the processor on mic1 under load, and start it again
    --json              One JSON document instead of tables
    --help
`

function fail(text: string): never {
  process.stderr.write(`${text}\n${help}`)
  process.exit(2)
}

function parse() {
  try {
    const { values } = parseArgs({
      options: {
        prefix: { type: 'string', default: 'out/prefix' },
        out: { type: 'string', default: 'out/device-chain' },
        transports: { type: 'string', default: 'scif,ipc,tcp' },
        samplers: { type: 'string', default: '2' },
        events: { type: 'string', default: '100' },
        sizes: { type: 'string', default: '1-24' },
        kill: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    return values
  } catch (error) {
    return fail((error as Error).message)
  }
}

function whole(text: string, what: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) fail(`${what} is a whole number from 1 up.`)
  return number
}

function table(results: readonly ChainResult[]): string {
  const lines = ['transport  device       events    MB      s    events/s    MB/s']
  for (const { transport, devices } of results)
    for (const { device, id, events, bytes, seconds } of devices) {
      const per = (value: number) => (seconds > 0 ? value / seconds : 0)
      const mb = bytes / 1e6
      lines.push(
        [
          transport.padEnd(9),
          `${device} ${id}`.padEnd(12),
          String(events).padStart(6),
          mb.toFixed(0).padStart(6),
          seconds.toFixed(2).padStart(7),
          per(events).toFixed(1).padStart(9),
          per(mb).toFixed(0).padStart(8),
        ].join('  '),
      )
    }
  for (const { transport, sent, received, missing, damaged, twice, killed, bound } of results)
    lines.push(
      `${transport}: ${received} of ${sent} events arrived whole, ${missing} missing, ${damaged} damaged, ${twice} twice${
        killed ? `; a processor was killed: at most ${bound} may be missing` : ''
      }`,
    )
  return lines.join('\n')
}

const values = parse()
if (values.help) {
  process.stdout.write(help)
  process.exit(0)
}
const sizes = /^(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$/.exec(values.sizes)
if (!sizes || Number(sizes[1]) > Number(sizes[2])) fail('--sizes are two numbers, such as 1-24.')
const transports = values.transports.split(',') as Transport[]
for (const each of transports)
  if (!['scif', 'ipc', 'tcp'].includes(each)) fail(`--transports knows scif, ipc and tcp.`)

const interrupt = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.on(name, () => interrupt.abort(new Error(`interrupted by ${name}`)))

try {
  const build = resolve(values.out)
  const source = import.meta.dirname
  const common = { cwd: source, env: process.env, signal: interrupt.signal }
  const prefix = resolve(values.prefix)
  const configure = ['cmake', '-S', source, '-B', build, `-DZMQ_PREFIX=${prefix}`]
  await runOrFail(configure, { ...common, what: 'Configuring the devices' })
  await runOrFail(['cmake', '--build', build], { ...common, what: 'Building the devices' })

  const results: ChainResult[] = []
  for (const transport of transports) {
    const options: ChainOptions = {
      bin: build,
      transport,
      samplers: whole(values.samplers, '--samplers'),
      events: whole(values.events, '--events'),
      least: Math.round(Number(sizes?.[1]) * 1e6),
      most: Math.round(Number(sizes?.[2]) * 1e6),
      kill: values.kill,
      workDir: join(build, 'run'),
      signal: interrupt.signal,
    }
    if (!values.json) process.stderr.write(`${transport} …\n`)
    results.push(await runChain(options))
  }
  rmSync(join(build, 'run'), { recursive: true, force: true })
  process.stdout.write(`${values.json ? JSON.stringify(results, null, 2) : table(results)}\n`)
  process.exitCode = results.every(({ ok }) => ok) ? 0 : 1
} catch (error) {
  const text =
    error instanceof UserError
      ? [error.message, error.details, error.hint].filter(Boolean).join('\n')
      : String(error)
  process.stderr.write(`${text}\n`)
  process.exitCode = interrupt.signal.aborted ? 130 : 1
}
