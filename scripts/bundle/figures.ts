// SPDX-License-Identifier: MPL-2.0

/** A figure in PULL_REQUEST.md, and where in evidence/ it comes from. */
export interface Figure {
  text: string
  /** "check.json", below evidence/. */
  file: string
  /** JSON pointer: "/totals/passed". */
  pointer: string
  format: FigureFormat
}

/** How a value is written; by name, so that it can be written again for comparison. */
export type FigureFormat = 'text' | 'count' | 'rate' | 'decimal' | 'day'

// Private-use characters: no prose has them, and none are left in the end.
const open = '\uE000'
const close = '\uE001'

/** Takes figures out of evidence for a text, and remembers each. */
export class Figures {
  readonly #files: ReadonlyMap<string, Buffer>
  readonly #taken: Figure[] = []

  constructor(files: ReadonlyMap<string, Buffer>) {
    this.#files = files
  }

  /** The value as text, marked for finish. */
  take(file: string, pointer: string, format: FigureFormat = 'text'): string {
    const text = figureText(this.#files, { file, pointer, format })
    this.#taken.push({ text, file, pointer, format })
    return `${open}${text}${close}`
  }

  /** Words of somebody else, who answers for the numbers in them. */
  quote(text: string): string {
    return `${open}${text}${close}`
  }

  /** The text without the marks; a figure in it that was not taken is an error. */
  finish(text: string): string {
    const prose = text.replaceAll(new RegExp(`${open}[^${close}]*${close}`, 'g'), ' ')
    const loose = findLoose(prose)
    if (loose.length > 0) throw new Error(`not from evidence: ${loose.join('; ')}`)
    return text.replaceAll(open, '').replaceAll(close, '')
  }

  get taken(): readonly Figure[] {
    return this.#taken
  }
}

/**
 * Numbers in prose that claim something measured or counted. What stays allowed are names that
 * have digits in them: versions, issues, ports, standards.
 */
export function findLoose(prose: string): string[] {
  const claim =
    /\d[\d.,]*\s*(?:%|×|x faster|(?:msg|messages|GB|MB|Gb|Mb|GiB|MiB)\/s|µs|us\b|ms\b|s\b|(?:\w+ )?(?:tests?|cases|commits|lines|files|releases|times|cells|passed|failed|skipped)\b)/gi
  return [...prose.matchAll(claim)].map((match) => match[0])
}

/** The text of a figure as evidence has it; an error when it has no such value. */
export function figureText(
  files: ReadonlyMap<string, Buffer>,
  { file, pointer, format }: Pick<Figure, 'file' | 'pointer' | 'format'>,
): string {
  const bytes = files.get(file)
  if (!bytes) throw new Error(`evidence/${file} is missing`)
  let value: unknown = JSON.parse(bytes.toString('utf8'))
  for (const key of pointer.split('/').slice(1)) value = (value as Record<string, unknown>)?.[key]
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
    throw new Error(`evidence/${file} has nothing at ${pointer}`)
  return formats[format](value)
}

const grouped = (value: number, digits: number): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })

const formats: Record<FigureFormat, (value: string | number | boolean) => string> = {
  text: String,
  count: (value) => grouped(Number(value), 0),
  /** Three significant figures: more than that no such measurement has. */
  rate: (value) => grouped(Number(Number(value).toPrecision(3)), 0),
  decimal: (value) => grouped(Number(value), 1),
  day: (value) => String(value).slice(0, 10),
}

/** Figures that evidence does not, or no longer, bear out; empty when all are true. */
export function checkFigures(
  figures: readonly Figure[],
  files: ReadonlyMap<string, Buffer>,
  text: string,
): string[] {
  const flat = (words: string): string => words.replaceAll(/\s+/g, ' ')
  const plain = flat(text.replaceAll('\\|', '|'))
  return figures.flatMap((figure) => {
    const where = `"${figure.text}" from evidence/${figure.file}${figure.pointer}`
    try {
      const now = figureText(files, figure)
      if (now !== figure.text) return [`${where} is "${now}" there`]
    } catch (error) {
      return [`${where}: ${(error as Error).message}`]
    }
    return plain.includes(flat(figure.text)) ? [] : [`${where} is not in the text`]
  })
}
