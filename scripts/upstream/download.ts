// SPDX-License-Identifier: MPL-2.0
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { RouteFailure } from './route.ts'

/** Milliseconds until a network that does not answer counts as not there. */
export interface Patience {
  /** For the TCP connection, name look-up included. */
  connect: number
  /** For the answer's header, and between two pieces of its body. */
  stall: number
}

export const patience: Patience = { connect: 5_000, stall: 20_000 }

const maxBytes = 200 * 1024 * 1024

/** Throws RouteFailure when host:port takes no TCP connection in time. */
export async function probe(
  host: string,
  port: number,
  options: { patience: Patience; signal: AbortSignal },
): Promise<void> {
  const failure = await new Promise<string | undefined>((resolve) => {
    const socket = connect({ host, port, autoSelectFamily: true, signal: options.signal })
    const end = (reason: string | undefined) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(reason)
    }
    const seconds = options.patience.connect / 1000
    const timer = setTimeout(() => end(`no answer within ${seconds} s`), options.patience.connect)
    socket.once('connect', () => end(undefined))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
  })
  options.signal.throwIfAborted()
  if (failure !== undefined) {
    throw new RouteFailure('route', `${host} could not be reached (${failure})`)
  }
}

/** Downloads a URL into the new file `file`; returns the sha256 of what came, hex. */
export async function download(
  url: string,
  file: string,
  options: {
    patience: Patience
    signal: AbortSignal
    progress?: ((text: string) => void) | undefined
  },
): Promise<string> {
  const { protocol, hostname, port } = new URL(url)
  await probe(hostname, Number(port) || (protocol === 'https:' ? 443 : 80), options)
  const stalled = new AbortController()
  const seconds = options.patience.stall / 1000
  const stall = setTimeout(
    () => stalled.abort(new Error(`nothing came for ${seconds} s`)),
    options.patience.stall,
  )
  const hash = createHash('sha256')
  let bytes = 0
  const signal = AbortSignal.any([options.signal, stalled.signal])
  try {
    const response = await fetch(url, { signal })
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      throw new RouteFailure('release', `${url} answered ${response.status}`)
    }
    const count = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of chunks) {
        stall.refresh()
        bytes += chunk.length
        if (bytes > maxBytes) throw new RouteFailure('release', `${url} is larger than any release`)
        hash.update(chunk)
        options.progress?.(`${(bytes / 1024 / 1024).toFixed(1)} MB`)
        yield chunk
      }
    }
    const body = Readable.fromWeb(response.body as import('node:stream/web').ReadableStream)
    await pipeline(body, count, createWriteStream(file, { flags: 'wx' }), { signal })
  } catch (error) {
    options.signal.throwIfAborted()
    if (error instanceof RouteFailure || isDisk(error)) throw error
    throw new RouteFailure(
      'release',
      `${url} did not come whole (${reasonOf(error, stalled.signal)})`,
    )
  } finally {
    clearTimeout(stall)
  }
  return hash.digest('hex')
}

function isDisk(error: unknown): boolean {
  return (
    (error as NodeJS.ErrnoException).syscall === 'write' ||
    (error as NodeJS.ErrnoException).syscall === 'open'
  )
}

/** fetch says "fetch failed" or "terminated"; what happened is in the cause. */
function reasonOf(error: unknown, stalled: AbortSignal): string {
  if (stalled.aborted) return (stalled.reason as Error).message
  const { message, cause } = error as Error & { cause?: NodeJS.ErrnoException }
  return cause?.code ?? cause?.message ?? message
}
