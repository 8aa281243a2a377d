// SPDX-License-Identifier: MPL-2.0

/** The API of libzmq 4.3: fewer exported names mean that nm has not seen the library. */
export const leastSymbols = 60

export interface SymbolsResult {
  equal: boolean
  /** One line for people. */
  detail: string
}

/** "T _ZN3zmq5poll_tE": a name of C++, which no header of libzmq declares. */
const isInternal = (symbol: string): boolean => /^\S _Z/.test(symbol)

/**
 * Compares what two libraries export, in the form of `nm`. Where upstream's own build does not
 * hide what is internal (CMake's on ELF), names of C++ come and go with the code and are nobody's
 * API: those are only counted.
 */
export function compareSymbols(
  expected: readonly string[],
  actual: readonly string[],
): SymbolsResult {
  const hidden = !expected.some(isInternal)
  const counts = (symbol: string) => hidden || !isInternal(symbol)
  const added = actual.filter((name) => !expected.includes(name))
  const missing = expected.filter((name) => !actual.includes(name))
  const api = expected.filter(counts)
  if (api.length < leastSymbols)
    return { equal: false, detail: `upstream's library exports only ${api.length} symbols` }
  const wrong = [...added, ...missing].filter(counts)
  if (wrong.length > 0) {
    const say = (names: readonly string[]) => names.filter(counts).join(', ') || 'none'
    return { equal: false, detail: `added: ${say(added)}; missing: ${say(missing)}` }
  }
  const internal = added.length + missing.length
  const more =
    internal > 0 ? `; ${internal} internal ones differ, which upstream does not hide` : ''
  return { equal: true, detail: `${api.length} exported, as upstream${more}` }
}
