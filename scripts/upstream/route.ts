// SPDX-License-Identifier: MPL-2.0
import { ExitCode, UserError } from '../ui/errors.ts'
import type { Release } from './releases.ts'
import type { RouteName } from './types.ts'

/** What a route has brought: an unpacked tree that nothing has been said about yet. */
export interface Delivery {
  /** The root of the unpacked tree, in the temporary folder that the route was given. */
  dir: string
  /** Where it came from: a URL, a package version. */
  from: string
  /** sha256 of the archive, where there was one. */
  sha256?: string
  /** True when nothing had to be downloaded for it. */
  cached?: boolean
}

/** A way by which a pinned release can come. */
export interface Route {
  name: RouteName
  /** What it would do, for --dry-run and for what --offline says is missing. */
  plan(release: Release): string
  /** Unpacks the release below `temp`, or throws RouteFailure. */
  deliver(release: Release, temp: string): Promise<Delivery>
}

/** A route cannot deliver: for this release, or (scope "route") for none. */
export class RouteFailure extends Error {
  readonly scope: 'release' | 'route'

  /** `reason` is a clause: "github.com could not be reached". */
  constructor(scope: 'release' | 'route', reason: string, cause?: unknown) {
    super(reason, cause === undefined ? undefined : { cause })
    this.name = 'RouteFailure'
    this.scope = scope
  }
}

/** What came is well-formed but not what the pin says; nothing of it is kept. */
export function mismatch(
  what: string,
  kind: 'tree' | 'sha256',
  expected: string,
  actual: string,
): UserError {
  return new UserError({
    message: `${what} does not match its pin; nothing of it was kept.`,
    details: `expected ${kind} ${expected}\nactual   ${kind} ${actual}`,
    hint: 'Take another route with --source github, debian, git:<url or path> or dir:<folder or tarball>.',
    exitCode: ExitCode.source,
  })
}
