// SPDX-License-Identifier: MPL-2.0
import { YAML } from 'zx'

/** Place in a file, both from 1. */
export interface Position {
  line: number
  column: number
}

export interface YamlSource {
  /** The content as plain values; undefined when the text is no YAML. */
  value: unknown
  /** Mistakes of the YAML itself. */
  mistakes: { position: Position; text: string }[]
  /** Where the value at this path stands, or else the nearest that holds it. */
  position(path: readonly (string | number)[]): Position
  /** Where the key itself stands, for a key that should not be there. */
  keyPosition(path: readonly (string | number)[]): Position
}

/** The part of the parser's node types that is used here; zx exports them as any. */
interface Node {
  range?: [number, number, number] | null
  items?: { key?: { value?: unknown; range?: [number, number, number] | null } }[]
}

/** Reads YAML and remembers where everything stands. */
export function readYaml(text: string): YamlSource {
  const counter = new YAML.LineCounter()
  const document = YAML.parseDocument(text, { lineCounter: counter, prettyErrors: false })
  const at = (offset: number): Position => {
    const { line, col } = counter.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const nodeAt = (path: readonly (string | number)[]): Node | undefined =>
    path.length === 0 ? document.contents : document.getIn(path, true)
  const position = (path: readonly (string | number)[]): Position => {
    for (let length = path.length; length >= 0; length--) {
      const node = nodeAt(path.slice(0, length))
      if (node?.range) return at(node.range[0])
    }
    return { line: 1, column: 1 }
  }
  const keyPosition = (path: readonly (string | number)[]): Position => {
    const name = path.at(-1)
    const pair = nodeAt(path.slice(0, -1))?.items?.find((item) => item.key?.value === name)
    return pair?.key?.range ? at(pair.key.range[0]) : position(path)
  }
  const mistakes = (document.errors as { pos: [number, number]; message: string }[]).map(
    (error) => ({ position: at(error.pos[0]), text: `${error.message.replace(/\.?$/, '')}.` }),
  )
  return {
    value: mistakes.length > 0 ? undefined : document.toJS(),
    mistakes,
    position,
    keyPosition,
  }
}
