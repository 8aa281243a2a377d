// SPDX-License-Identifier: MPL-2.0
import sade from 'sade'
import type { CommandOption } from './command.ts'
import { globalOptions } from './options.ts'
import { commands, mainJob } from './registry.ts'

/** Prints the help of one command, or that of the program, on standard output. */
export function printHelp(name: string | undefined): void {
  const program = sade('./build')
  program.describe(mainJob.summary)
  for (const option of [...globalOptions, ...(name ? [] : (mainJob.options ?? []))]) add(option)
  for (const command of commands) {
    program.command(`${command.name} ${command.usage ?? ''}`.trim(), command.summary)
    for (const option of command.options ?? []) add(option)
    for (const example of command.examples) program.example(example.replace(/^\.\/build ?/, ''))
  }
  program.help(name as string)

  function add({ flag, describe }: CommandOption): void {
    const [, names = flag, value] = /^(.*?)( [<[].*)?$/.exec(flag) ?? []
    program.option(names, value === undefined ? describe : `${value.trim()}  ${describe}`)
  }
}
