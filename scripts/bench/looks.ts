// SPDX-License-Identifier: MPL-2.0

/** How a transport is drawn, the same in every chart: by colour, and by shape for who sees none. */
export interface Look {
  /** A class of the style sheet below, as colours differ between light and dark. */
  name: string
  light: string
  dark: string
  symbol: string
  dash?: string
}

const looks: Readonly<Record<string, Look>> = {
  scif: { name: 'scif', light: '#0b5fc4', dark: '#6cb2ff', symbol: 'circle' },
  ipc: { name: 'ipc', light: '#b84a00', dark: '#ff9d5c', symbol: 'square' },
  tcp: { name: 'tcp', light: '#1c7a3c', dark: '#63d188', symbol: 'triangle' },
  inproc: { name: 'inproc', light: '#7b3fb5', dark: '#c79bf2', symbol: 'diamond' },
  ring: { name: 'ring', light: '#5c6670', dark: '#a5b0bb', symbol: 'times', dash: '5 3' },
  'nanomsg-ipc': {
    name: 'nanomsg-ipc',
    light: '#a3174f',
    dark: '#ff85b4',
    symbol: 'star',
    dash: '2 2',
  },
  'nanomsg-tcp': {
    name: 'nanomsg-tcp',
    light: '#a3174f',
    dark: '#ff85b4',
    symbol: 'plus',
    dash: '8 3',
  },
  'nng-ipc': { name: 'nng-ipc', light: '#6f6200', dark: '#d9c84a', symbol: 'wye', dash: '2 2' },
  'nng-tcp': {
    name: 'nng-tcp',
    light: '#6f6200',
    dark: '#d9c84a',
    symbol: 'asterisk',
    dash: '8 3',
  },
}

/** One that is not known is drawn in the colour of the text. */
export function lookOf(transport: string): Look {
  return looks[transport] ?? { name: 'other', light: '#222222', dark: '#dddddd', symbol: 'hexagon' }
}

/** The order of the legend. */
export function rankOf(transport: string): number {
  const rank = Object.keys(looks).indexOf(transport)
  return rank < 0 ? Object.keys(looks).length : rank
}

/** Colours of text and lines; contrast is 4.5 to 1 or better on the ground, in both. */
const ground = { light: '#ffffff', dark: '#0f1419' }
const ink = { light: '#1b1f24', dark: '#e6e9ec' }
const faint = { light: '#d5dae0', dark: '#2f3943' }
const quiet = { light: '#57606a', dark: '#9aa5b1' }

function colours(scheme: 'light' | 'dark', scope: string): string {
  const lines = [
    ['ground', ground[scheme]],
    ['ink', ink[scheme]],
    ['faint', faint[scheme]],
    ['quiet', quiet[scheme]],
    ...Object.values(looks).map((look) => [look.name, look[scheme]]),
    ['other', ink[scheme]],
  ]
  return `${scope}{${lines.map(([name, value]) => `--${name}:${value}`).join(';')}}`
}

/** The colours for what has this selector, by what the reader's system asks for. */
export function palette(selector: string): string {
  return `${colours('light', selector)}@media (prefers-color-scheme: dark){${colours('dark', selector)}}`
}

export const inkOf = (transport: string): string => `var(--${lookOf(transport).name})`
