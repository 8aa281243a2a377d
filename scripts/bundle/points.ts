// SPDX-License-Identifier: MPL-2.0

/** Something that libzmq's issue 2022 asks of the transport, and the answer. */
export interface Point {
  asked: string
  answer: string
  /** Where in libzmq's tree the answer can be seen; each has to be there. A trailing "*" is any end. */
  paths: readonly string[]
}

/** The points of the thread, in substance, in its order. */
export const points: readonly Point[] = [
  {
    asked: 'A subclass for the address',
    answer:
      '`scif_address_t`: `scif://NODE:PORT`, with the names that Xeon Phi users know (`host`, `mic0` …), and one canonical form.',
    paths: ['src/scif_address.hpp', 'src/scif_address.cpp'],
  },
  {
    asked: 'A "serverish" class',
    answer: '`scif_listener_t`, on `stream_listener_base_t`.',
    paths: ['src/scif_listener.hpp', 'src/scif_listener.cpp'],
  },
  {
    asked: 'A "clientish" class',
    answer:
      '`scif_connecter_t`, on `stream_connecter_base_t`; a helper thread makes the attempt, because the driver may block it for long.',
    paths: ['src/scif_connecter.hpp', 'src/scif_connecter.cpp'],
  },
  {
    asked:
      'The glue in socket_base and its like, found by grepping for another transport’s constant',
    answer:
      'Under `ZMQ_HAVE_SCIF` beside TIPC’s in socket_base, session_base, address and zmq_has.',
    paths: ['src/socket_base.cpp', 'src/session_base.cpp', 'src/address.cpp', 'src/zmq.cpp'],
  },
  {
    asked: 'Detection by autotools and CMake, with a constant ZMQ_HAVE_SCIF',
    answer:
      '`--with-scif[=PREFIX]` and `WITH_SCIF`, off by default; both fail when it is asked for and not there, both write libzmq.pc.',
    paths: ['configure.ac', 'CMakeLists.txt', 'builds/cmake/platform.hpp.in', 'Makefile.am'],
  },
  {
    asked: 'Unit tests, too',
    answer:
      'Addresses, the ring, the greeting and the stream by themselves; PAIR, REQ/REP, and that nothing is lost at close. They are ignored where there is no SCIF.',
    paths: ['tests/test_*_scif.cpp', 'unittests/unittest_scif_*.cpp'],
  },
  {
    asked: 'Whole, or in pieces',
    answer:
      'Whole, but cut into commits that can be taken in order, a few at a time; the first five are of use without SCIF.',
    paths: ['tests/test_linger.cpp'],
  },
  {
    asked: 'What the thread did not foresee: an engine',
    answer:
      'A SCIF endpoint is no socket. `scif_engine_t` derives from `zmtp_engine_t` and replaces only how bytes are moved and waited for.',
    paths: ['src/scif_engine.hpp', 'src/scif_engine.cpp', 'src/scif_stream.*'],
  },
]

/** Paths of a point that a tree does not have. */
export function missingPaths(point: Point, tree: readonly string[]): string[] {
  return point.paths.filter((wanted) => {
    const [start = '', end] = wanted.split('*')
    return !tree.some((path) =>
      end === undefined ? path === wanted : path.startsWith(start) && path.endsWith(end),
    )
  })
}
