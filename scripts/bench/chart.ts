// SPDX-License-Identifier: MPL-2.0
import { inkOf, lookOf, palette, rankOf } from './looks.ts'
import type { Drawing, Element } from './plot.ts'
import { formatSize } from './sizes.ts'
import { titleOf } from './targets.ts'

/** A point with its spread: quartiles, or whatever the chart's caption says. */
export interface Point {
  transport: string
  /** Bytes. */
  size: number
  value: number
  low?: number
  high?: number
}

export interface Chart {
  /** The name of its file: "perf-<id>.svg". */
  id: string
  title: string
  /** What the value is, with its unit: "microseconds". */
  axis: string
  /** Whether more or less is better, what the bars are. */
  caption: string
  points: readonly Point[]
  scale: 'log' | 'linear'
  /** A line across at this value: what a ratio is held against. */
  mark?: number
  /** Legend texts; without one a transport's title is taken. */
  names?: Readonly<Record<string, string>>
  /** "SOFTSCIF_LINK=…: a model" on every figure of such a run. */
  warning?: string
  /** Machine, date, series: the figure's origin. */
  origin: string
}

const width = 760
const height = 420
const legendRow = 18

/** The chart as one SVG document that needs nothing else, and reads in light and dark. */
export function drawChart(chart: Chart, { Plot, document, create }: Drawing): string {
  const present = new Set(chart.points.map((point) => point.transport))
  const transports = [...present].sort((a, b) => rankOf(a) - rankOf(b))
  const sizes = [...new Set(chart.points.map((point) => point.size))].sort((a, b) => a - b)
  const columns = 2
  const rows = Math.ceil(transports.length / columns)
  const top = 62 + (chart.warning ? 16 : 0)
  const plotTop = top + rows * legendRow + 18
  const spread = chart.points.filter(({ low, high }) => low !== undefined && high !== undefined)
  const stroke = (point: { transport: string }) => inkOf(point.transport)
  const channels = { x: 'size', y: 'value' }
  const figure = Plot.plot({
    document,
    width,
    height: height + plotTop,
    marginTop: plotTop,
    marginLeft: 62,
    marginRight: 24,
    marginBottom: 72,
    style: { fontSize: '12px' },
    x: { type: 'log', base: 2, domain: domainOf(sizes) },
    y: {
      type: chart.scale,
      ...(chart.scale === 'log' ? { base: 10, domain: logDomain(chart) } : { zero: true }),
      nice: chart.scale !== 'log',
    },
    marks: [
      Plot.gridX({ ticks: sizes, stroke: 'var(--faint)', strokeOpacity: 1 }),
      Plot.gridY({ stroke: 'var(--faint)', strokeOpacity: 1 }),
      Plot.axisX({
        ticks: everyOther(sizes),
        tickFormat: formatSize,
        label: 'message size',
        labelAnchor: 'center',
        labelArrow: 'none',
        labelOffset: 40,
        fontSize: 12,
      }),
      Plot.axisY({ label: null, tickFormat: shortNumber, fontSize: 12 }),
      ...(chart.mark === undefined
        ? []
        : [Plot.ruleY([chart.mark], { stroke: 'var(--quiet)', strokeWidth: 1.5 })]),
      Plot.ruleX(spread, { x: 'size', y1: 'low', y2: 'high', stroke, strokeWidth: 1.2 }),
      ...(['low', 'high'] as const).map((y) =>
        Plot.dot(spread, { x: 'size', y, stroke, symbol: bar, r: 4, strokeWidth: 1.2 }),
      ),
      ...transports.flatMap((transport) => {
        const { symbol, dash } = lookOf(transport)
        const own = chart.points.filter((point) => point.transport === transport)
        return [
          Plot.lineY(own, {
            ...channels,
            stroke: inkOf(transport),
            strokeWidth: 1.8,
            ...(dash ? { strokeDasharray: dash } : {}),
          }),
          Plot.dot(own, { ...channels, ...dotStyle(transport), symbol, r: 4 }),
        ]
      }),
    ],
  })
  figure.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  figure.setAttribute('class', 'zmq-chart')
  figure.setAttribute('role', 'img')
  figure.setAttribute('aria-label', `${chart.title}: ${chart.axis} by message size`)
  figure.setAttribute('font-family', 'system-ui, sans-serif')
  for (const style of figure.querySelectorAll('style')) style.remove()
  const style = create('style', {})
  style.append(
    `${palette('.zmq-chart')}.zmq-chart{color:var(--ink);background:var(--ground);max-width:100%;height:auto}.zmq-chart text{white-space:pre}`,
  )
  const text = (
    at: { x: number; y: number },
    content: string,
    more: Record<string, string> = {},
  ) => {
    const made = create('text', { ...at, 'text-anchor': 'start', fill: 'currentColor', ...more })
    made.append(content)
    return made
  }
  const title = create('title', {})
  title.append(chart.title)
  const parts: Element[] = [
    title,
    style,
    create('rect', { width: '100%', height: '100%', fill: 'var(--ground)' }),
    text({ x: 16, y: 24 }, chart.title, { 'font-size': '16', 'font-weight': '600' }),
    text({ x: 16, y: 44 }, chart.caption, { 'font-size': '12', fill: 'var(--quiet)' }),
  ]
  if (chart.warning)
    parts.push(
      text({ x: 16, y: 62 }, chart.warning, {
        'font-size': '12',
        'font-weight': '600',
        class: 'model',
      }),
    )
  for (const [index, transport] of transports.entries()) {
    const x = 16 + (index % columns) * 340
    const y = top + Math.floor(index / columns) * legendRow
    parts.push(...legendEntry(chart, transport, x, y, create, text))
  }
  parts.push(text({ x: 16, y: plotTop - 10 }, chart.axis, { 'font-size': '12' }))
  const first = figure.firstChild
  for (const part of parts) figure.insertBefore(part, first)
  figure.append(
    text({ x: 16, y: height + plotTop - 10 }, chart.origin, {
      'font-size': '10.5',
      fill: 'var(--quiet)',
    }),
  )
  return `${figure.outerHTML}\n`
}

/** The end of an error bar. */
const bar = {
  draw(context: { moveTo(x: number, y: number): void; lineTo(x: number, y: number): void }) {
    context.moveTo(-4, 0)
    context.lineTo(4, 0)
  },
}

const strokedOnly = new Set(['times', 'plus', 'asterisk'])

function dotStyle(transport: string): Record<string, string | number> {
  const colour = inkOf(transport)
  return strokedOnly.has(lookOf(transport).symbol)
    ? { stroke: colour, strokeWidth: 1.8 }
    : { fill: colour, stroke: 'var(--ground)', strokeWidth: 0.8 }
}

function legendEntry(
  chart: Chart,
  transport: string,
  x: number,
  y: number,
  create: Drawing['create'],
  text: (at: { x: number; y: number }, content: string, more?: Record<string, string>) => Element,
): Element[] {
  const { dash, symbol } = lookOf(transport)
  const line = create('path', {
    d: `M${x},${y}h26`,
    stroke: inkOf(transport),
    'stroke-width': 1.8,
    fill: 'none',
    ...(dash ? { 'stroke-dasharray': dash } : {}),
  })
  const stroked = strokedOnly.has(symbol)
  const dot = create('path', {
    d: legendSymbols[symbol] ?? legendSymbols.circle ?? '',
    transform: `translate(${x + 13},${y})`,
    fill: stroked ? 'none' : inkOf(transport),
    stroke: stroked ? inkOf(transport) : 'var(--ground)',
    'stroke-width': stroked ? 1.8 : 0.8,
  })
  const name = chart.names?.[transport] ?? titleOf(transport)
  return [line, dot, text({ x: x + 34, y: y + 4 }, name, { 'font-size': '12' })]
}

/** The shapes of Plot's symbols, near enough, at a radius of 4. */
const legendSymbols: Readonly<Record<string, string>> = {
  circle: 'M4,0A4,4,0,1,1,-4,0A4,4,0,1,1,4,0Z',
  square: 'M-3.5,-3.5h7v7h-7Z',
  triangle: 'M0,-5L4.4,2.6L-4.4,2.6Z',
  diamond: 'M0,-5.4L3.1,0L0,5.4L-3.1,0Z',
  star: 'M0,-5.6L1.3,-1.7L5.3,-1.7L2,0.7L3.3,4.5L0,2.1L-3.3,4.5L-2,0.7L-5.3,-1.7L-1.3,-1.7Z',
  wye: 'M1.3,0.7V3.7H-1.3V0.7L-3.9,-0.7L-2.6,-3L0,-1.5L2.6,-3L3.9,-0.7Z',
  times: 'M-3.5,-3.5L3.5,3.5M-3.5,3.5L3.5,-3.5',
  plus: 'M-4.5,0H4.5M0,-4.5V4.5',
  asterisk: 'M0,-4.5V4.5M-3.9,-2.3L3.9,2.3M-3.9,2.3L3.9,-2.3',
  hexagon: 'M0,-4.5L3.9,-2.3V2.3L0,4.5L-3.9,2.3V-2.3Z',
}

/** One size alone gets an axis, too. */
function domainOf(sizes: readonly number[]): [number, number] {
  const [first = 1, last = 1] = [sizes[0], sizes.at(-1)]
  return first === last ? [first / 2, last * 2] : [first, last]
}

function logDomain({ points, mark }: Chart): [number, number] {
  const values = points.flatMap(({ value, low, high }) => [value, low ?? value, high ?? value])
  if (mark !== undefined) values.push(mark)
  const positive = values.filter((value) => value > 0)
  const [least, most] = [Math.min(...positive), Math.max(...positive)]
  // Whole decades would waste half the room where the values are close together.
  return [least / 1.25, most * 1.25]
}

function everyOther(sizes: readonly number[]): number[] {
  return sizes.length <= 9 ? [...sizes] : sizes.filter((_, index) => index % 2 === 0)
}

/** "1.5M", "20k", "0.05": what stands at the ticks. */
export function shortNumber(value: number): string {
  const abs = Math.abs(value)
  if (abs >= 1e9) return `${trim(value / 1e9)}G`
  if (abs >= 1e6) return `${trim(value / 1e6)}M`
  if (abs >= 1e3) return `${trim(value / 1e3)}k`
  return trim(value)
}

function trim(value: number): string {
  return String(Number(value.toPrecision(3)))
}
