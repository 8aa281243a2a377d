// SPDX-License-Identifier: MPL-2.0

/** How far a build is, from what it prints: autotools' "  CXX  file", CMake's "[ 42%] …". */
export function buildProgress(total: number): (line: string) => string | undefined {
  let compiled = 0
  return (line) => {
    const file = /^\s+(?:CXX|CC)\s+(?:\S*\/)?(\S+)\.l?o$/.exec(line)?.[1]
    if (file !== undefined) {
      compiled++
      return `${Math.min(compiled, total)} of ${total} files (${file.replace(/^libzmq_la-/, '')})`
    }
    if (/^\s+CXXLD\s/.test(line)) return `linking ${/(\S+)$/.exec(line)?.[1] ?? ''}`
    const percent = /^\[\s*(\d+%)\]/.exec(line)?.[1]
    return percent === undefined ? undefined : `${percent} ${/(\S+)$/.exec(line)?.[1] ?? ''}`
  }
}
