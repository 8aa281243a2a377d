// SPDX-License-Identifier: MPL-2.0

/** A test program that libzmq's build system has made. */
export interface Program {
  /** "test_pair_tcp", "unittest_poller" */
  name: string
  /** The executable itself, not libtool's wrapper. */
  path: string
  /** Ports and names that it takes for itself on this machine: no two holders at the same time. */
  claims: readonly string[]
  /** Bytes of its source: the larger ones take longer, and are started first. */
  weight: number
}

/** The transports that endpoints can be rewritten to. */
export const transports = ['scif', 'ipc'] as const
export type Transport = (typeof transports)[number]

/**
 * Why a program is run:
 *   unchanged   as upstream runs it
 *   scif        over scif, but for the cases that the list explains
 *   ipc         the control: over ipc, all of it
 *   explained   over scif, all of it, to see whether what the list explains does fail
 */
export type Lane = 'unchanged' | Transport | 'explained'

/** A test case as Unity, libzmq's test framework, tells of it. */
export interface CaseResult {
  name: string
  status: 'passed' | 'failed' | 'skipped'
  /** What Unity says of a failure, or why it was skipped. */
  message?: string
}

/** What the preload library has logged. */
export interface Rewrites {
  /** Calls whose endpoint was rewritten, by test case. */
  byCase: ReadonlyMap<string, number>
  total: number
  /** Calls with an endpoint of tcp or ipc that was left as it was. */
  kept: number
  /** The libzmq that was called. */
  library?: string
}

export type Outcome = 'passed' | 'failed' | 'skipped' | 'hung' | 'crashed'

/** One run of one program. */
export interface Execution {
  program: string
  lane: Lane
  outcome: Outcome
  /** "exit code 1", "SIGABRT", "did not end within 90 s" */
  how: string
  cases: readonly CaseResult[]
  rewrites: Rewrites
  milliseconds: number
  /** The last lines of what it wrote. */
  output: string
  /** It failed beside others, and passed by itself. */
  flaky?: boolean
}

/** What the list says of a program, or of some of its cases. */
export interface Explanation {
  program: string
  /** Without them it is the whole program. */
  cases?: readonly string[]
  kind: string
  why: string
  /** They pass over ipc; `why` tells how scif differs. */
  passesOverIpc: boolean
  /** They can pass by luck: that they do says nothing against the reason. */
  unstable: boolean
  /** They can fail on their own transport, too, and are excused there. */
  mayFail: boolean
}
