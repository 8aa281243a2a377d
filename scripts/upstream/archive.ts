// SPDX-License-Identifier: MPL-2.0
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Env, run, tail } from '../system/run.ts'
import { throwIfFull } from './disk-error.ts'
import { RouteFailure } from './route.ts'

/** sha256 of a file, hex. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/**
 * Unpacks a tar archive, compressed or not, into the new folder `dir`; returns the root of the
 * tree in it: the one folder that archives of a release have, or `dir` itself.
 */
export async function unpack(
  archive: string,
  dir: string,
  options: { env: Env; signal?: AbortSignal | undefined },
): Promise<string> {
  await mkdir(dir)
  const tar = ['tar', '--no-same-owner', '--no-same-permissions', '-xf', archive, '-C', dir]
  const env = { ...options.env, LC_ALL: 'C', TAR_OPTIONS: undefined }
  const result = await run(tar, { cwd: dir, env, signal: options.signal, timeout: 120_000 })
  options.signal?.throwIfAborted()
  if (result.exitCode !== 0) {
    const said = tail(result.stderr, 3)
    throwIfFull(result.stderr)
    throw new RouteFailure('release', `the archive could not be unpacked (${said})`)
  }
  const entries = await readdir(dir, { withFileTypes: true })
  const [only] = entries
  return entries.length === 1 && only?.isDirectory() && !isLibzmq(dir) ? join(dir, only.name) : dir
}

/** Whether a folder looks like libzmq's source. */
export function isLibzmq(dir: string): boolean {
  return existsSync(join(dir, 'include', 'zmq.h'))
}
