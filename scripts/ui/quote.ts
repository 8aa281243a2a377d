// SPDX-License-Identifier: MPL-2.0

/** A command line as one would type it: arguments that the shell would change are quoted. */
export function commandLine(argv: readonly string[]): string {
  return argv
    .map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`))
    .join(' ')
}
