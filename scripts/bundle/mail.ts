// SPDX-License-Identifier: MPL-2.0
import { readdir } from 'node:fs/promises'
import type { Objects } from './objects.ts'

export interface MailOptions {
  base: string
  head: string
  /** Of the series: from 2 on it stands in the subjects. */
  version: number
}

/** "[PATCH v2 03/14]" without the numbers. */
export const subjectPrefix = (version: number): string =>
  version > 1 ? `PATCH v${version}` : 'PATCH'

/** Writes one mail per commit into a folder; gives the names of the files in their order. */
export async function writeMails(
  objects: Objects,
  dir: string,
  { base, head, version }: MailOptions,
): Promise<string[]> {
  await objects.git([
    'format-patch',
    '--quiet',
    '--numbered',
    `--subject-prefix=${subjectPrefix(version)}`,
    // The git version that would stand there differs from machine to machine.
    '--no-signature',
    '--full-index',
    '--no-renames',
    '--no-base',
    '--no-thread',
    '--no-attach',
    '--encode-email-headers',
    '--filename-max-length=64',
    '--suffix=.patch',
    '--output-directory',
    dir,
    `${base}..${head}`,
  ])
  return (await readdir(dir)).sort()
}

/** The commits by their authors and subjects, and what changes where, as mails have it. */
export async function summarize(
  objects: Objects,
  { base, head }: Pick<MailOptions, 'base' | 'head'>,
): Promise<string> {
  const log = await objects.git(['log', '--reverse', '--format=  %s', `${base}..${head}`])
  const stat = await objects.git(['diff', '--no-renames', '--stat=72', '--summary', base, head])
  return `${log}\n${stat}`
}
