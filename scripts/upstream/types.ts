// SPDX-License-Identifier: MPL-2.0

/** How the user wants to get libzmq: --source. */
export type SourceSpec =
  | { kind: 'auto' }
  | { kind: 'github' }
  | { kind: 'git'; url: string }
  | { kind: 'debian' }
  | { kind: 'dir'; path: string }

export type RouteName = 'cache' | 'github' | 'git' | 'debian' | 'dir'

/** A route that could not deliver, and why. */
export interface PassedOver {
  route: RouteName
  reason: string
  /** The release that was asked of it. */
  release?: string
}

/** A pristine, verified tree of libzmq on this disk. */
export interface FetchedSource {
  /** What was asked for or chosen: "4.3.4", "master", a ref. Names the work tree and build folders. */
  release: string
  /** ZMQ_VERSION of include/zmq.h: "4.3.6" for a master after 4.3.5. Variant ranges go by this. */
  version: string
  /** Git tree id of the whole tree, verified against the pin where the release has one. */
  tree: string
  /** The upstream commit, where the route knows it; a pinned release always does. */
  commit?: string
  /** The route that delivered it, for the report: "debian" also when it now comes from the cache. */
  route: RouteName
  /** True when nothing was downloaded this time. */
  cached: boolean
  /** The unpacked tree, below <out>/cache; nobody writes into it. */
  dir: string
  /** A bare repository that has `commit` with its history; absent for archives. */
  gitDir?: string
  /** Routes that auto tried before, and why each was passed over. */
  passedOver: PassedOver[]
}
