// SPDX-License-Identifier: MPL-2.0

/** An element as linkedom makes it; its own types want a browser's. */
export interface Element {
  readonly outerHTML: string
  readonly children: Iterable<Element>
  textContent: string | null
  setAttribute(name: string, value: string): void
  getAttribute(name: string): string | null
  append(...nodes: (Element | string)[]): void
  insertBefore(node: Element, before: Element | null): void
  readonly firstChild: Element | null
  querySelectorAll(selector: string): Iterable<Element>
  remove(): void
}

type Options = Readonly<Record<string, unknown>>
type MarkMaker = (data: readonly unknown[], options?: Options) => unknown

/** What of Observable Plot the charts use: its own types need the DOM's and d3's. */
export interface Plot {
  plot(options: Options): Element
  lineY: MarkMaker
  dot: MarkMaker
  ruleX: MarkMaker
  ruleY: MarkMaker
  tickY: MarkMaker
  text: MarkMaker
  axisX: (options: Options) => unknown
  axisY: (options: Options) => unknown
  gridX: (options: Options) => unknown
  gridY: (options: Options) => unknown
}

export interface Drawing {
  Plot: Plot
  document: unknown
  /** A new SVG element. */
  create(name: string, attributes: Readonly<Record<string, string | number>>): Element
}

interface Page {
  document: { createElementNS(namespace: string, name: string): Element }
}

/** Plot, and the document that it draws into: Node.js has none. */
export async function openDrawing(): Promise<Drawing> {
  // Names that the type checker cannot follow: the packages' own types do not hold in strict mode.
  const names: { plot: string; dom: string } = { plot: '@observablehq/plot', dom: 'linkedom' }
  const Plot = (await import(names.plot)) as Plot
  const { parseHTML } = (await import(names.dom)) as { parseHTML(html: string): Page }
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const create: Drawing['create'] = (element, attributes) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', element)
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value))
    return made
  }
  return { Plot, document, create }
}
