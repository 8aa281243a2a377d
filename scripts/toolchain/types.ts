// SPDX-License-Identifier: MPL-2.0

/** The libscif that a build is made against. */
export type LibscifChoice =
  /** Our own, built from libzmq-ext/softscif into the prefix. */
  | { kind: 'soft'; prefix: string }
  /** Intel's, or whatever --scif named; `prefix` has include/scif.h and lib*\/libscif.so. */
  | { kind: 'real'; prefix: string; library: string; device: string | undefined }
  /** A build without the transport. */
  | { kind: 'none' }

/** A libzmq that is built, installed and checked. */
export interface BuiltPrefix {
  /** include/, lib/ with libzmq and libscif, bin/ with the perf programs. Absolute. */
  prefix: string
  buildDir: string
  buildSystem: 'autotools' | 'cmake'
  scif: {
    kind: 'soft' | 'real' | 'none'
    prefix?: string
    /** "libscif.so.0.1.0": what the library's file is called in full. */
    version?: string
    /** /dev/scif or /dev/mic/scif, where the machine has it. */
    device?: string
  }
  /** What zmq_version() of the built library answers: "4.3.4". */
  zmqVersion: string
  /** What zmq_has("scif") of the built library answers. */
  hasScif: boolean
  /** "g++ (Debian 12.2.0-14) 12.2.0" */
  compiler: string
  /** The configure or cmake command line, in full. */
  flags: readonly string[]
}
