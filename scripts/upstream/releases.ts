// SPDX-License-Identifier: MPL-2.0
import semver from 'semver'
import { ExitCode, UserError } from '../ui/errors.ts'

/** A release of libzmq that the series supports, and what proves that a tree is that release. */
export interface Release {
  /** ZMQ_VERSION: "4.3.5". */
  name: string
  tag: string
  commit: string
  /** Git tree id of the commit: one pin for every route, whatever the archive looks like. */
  tree: string
  /** sha256 of the orig tarball in Debian's archive, where it is known. */
  debianSha256?: string
}

/** Newest first. */
export const releases: readonly Release[] = [
  {
    name: '4.3.5',
    tag: 'v4.3.5',
    commit: '622fc6dde99ee172ebaa9c8628d85a7a1995a21d',
    tree: '9411fba97e708a51c94d7c32d848f09a38649d42',
  },
  {
    name: '4.3.4',
    tag: 'v4.3.4',
    commit: '4097855ddaaa65ed7b5e8cb86d143842a594eebd',
    tree: '9f51abaa660baf55183ab3e5b947f58fc76fcddc',
    debianSha256: '0ff5a531c9ffaf0dfdc7dc78d13d1383088f454896d252934c429b2554d10559',
  },
  {
    name: '4.3.3',
    tag: 'v4.3.3',
    commit: '04f5bbedee58c538934374dc45182d8fc5926fa3',
    tree: '59f9e9b2558b26a5782014dd88cd3127485c64a8',
  },
]

/** What --release asks for: a pinned release, or a ref that only git can verify. */
export type Wanted = { kind: 'pinned'; release: Release } | { kind: 'ref'; ref: string }

const oldest = '4.3.3'

/**
 * Reads --release: a release ("4.3.5"), its tag or commit, or any ref or commit id. `known` is
 * the table of pins.
 */
export function parseRelease(text: string, known: readonly Release[] = releases): Wanted {
  const release = known.find(
    (one) => text === one.name || text === one.tag || text.toLowerCase() === one.commit,
  )
  if (release) return { kind: 'pinned', release }
  const version = /^v?(\d+\.\d+\.\d+)$/.exec(text)?.[1]
  if (version !== undefined) requireSupported(version)
  if (!/^[A-Za-z0-9][\w./@^~+-]*$/.test(text) || /\.\.|@\{|\/\/|\/$/.test(text)) {
    throw new UserError({
      message: `"${text}" is neither a release of libzmq nor a git ref.`,
      hint: `Give --release ${known.map((one) => one.name).join(', ')}, or a branch, tag or commit id with --source git:<url or path>.`,
      exitCode: ExitCode.usage,
    })
  }
  return { kind: 'ref', ref: text }
}

/** Ends with a UserError when a libzmq of this version (x.y.z) is too old for the series. */
export function requireSupported(version: string): void {
  if (semver.valid(version) !== null && semver.gte(version, oldest)) return
  throw new UserError({
    message: `libzmq ${version} is not supported, because the engine base class that the transport builds on (stream_engine_base_t, with zmtp_engine_t on it) came with ${oldest}.`,
    hint: `Give --release ${releases.map((one) => one.name).join(', ')}, or master with --source git:<url or path>.`,
    exitCode: ExitCode.usage,
  })
}

/** ZMQ_VERSION ("4.3.5") as include/zmq.h defines it; undefined when the text is no zmq.h. */
export function headerVersion(zmqHeader: string): string | undefined {
  const part = (name: string): string | undefined =>
    new RegExp(`^\\s*#\\s*define\\s+ZMQ_VERSION_${name}\\s+(\\d+)`, 'm').exec(zmqHeader)?.[1]
  const parts = [part('MAJOR'), part('MINOR'), part('PATCH')]
  return parts.includes(undefined) ? undefined : parts.join('.')
}

/** A ref as it can stand in the name of a folder: "feature/x" is "feature-x". */
export function folderName(ref: string): string {
  return ref.replaceAll(/[^\w.+-]/g, '-')
}
