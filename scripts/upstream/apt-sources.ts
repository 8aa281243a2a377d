// SPDX-License-Identifier: MPL-2.0

/**
 * The sources that a one-line apt configuration file (sources.list, *.list) names, as deb-src:
 * same archives, suites, components and keys. Empty when it names none.
 */
export function sourcesFromList(text: string): string {
  const lines = text.split('\n').flatMap((line) => {
    const [, rest] = /^\s*deb(?:-src)?\s+([^#]*)/.exec(line) ?? []
    return rest === undefined || onDisc(rest) ? [] : [`deb-src ${rest.trim()}`]
  })
  return [...new Set(lines)].map((line) => `${line}\n`).join('')
}

/** The same for a file in deb822 format (*.sources); stanzas that are switched off stay out. */
export function sourcesFromDeb822(text: string): string {
  const stanzas = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .split(/\n[ \t]*\n+/)
    .flatMap((stanza) => {
      if (!/^types:/im.test(stanza) || onDisc(stanza)) return []
      if (/^enabled:[ \t]*(no|false|without|off|disable|0)[ \t]*$/im.test(stanza)) return []
      return [stanza.trim().replace(/^types:.*$/im, 'Types: deb-src')]
    })
  return [...new Set(stanzas)].join('\n\n').concat(stanzas.length > 0 ? '\n' : '')
}

/** Installation media have no sources, and apt asks for the disc. */
function onDisc(source: string): boolean {
  return /(^|\s)cdrom:/m.test(source)
}
