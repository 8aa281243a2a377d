// SPDX-License-Identifier: MPL-2.0

/** The API of libzmq 4.3: fewer exported names mean that nm has not seen the library. */
export const leastSymbols = 60

/** What two libraries differ in, by their exported symbols; undefined when they are the same. */
export function symbolsDiffer(
  expected: readonly string[],
  actual: readonly string[],
): string | undefined {
  if (expected.length < leastSymbols) return `upstream's library has only ${expected.length}`
  const more = actual.filter((name) => !expected.includes(name))
  const fewer = expected.filter((name) => !actual.includes(name))
  if (more.length + fewer.length === 0) return undefined
  return `added: ${more.join(', ') || 'none'}; missing: ${fewer.join(', ') || 'none'}`
}
