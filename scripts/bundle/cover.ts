// SPDX-License-Identifier: MPL-2.0
import { title, what } from './design.ts'
import { subjectPrefix } from './mail.ts'
import type { BundleFacts, GateResult } from './types.ts'

/**
 * The mail in front of the others: what the series is, what changed, and by which ids tools find
 * its base (base-commit), its other versions (change-id) and its commits (patch-id).
 */
export function writeCover(
  facts: BundleFacts,
  gates: readonly GateResult[],
  summary: string,
  date: string,
): string {
  const { author, version, commits, base, changeId, head } = facts
  const zero = '0'.repeat(String(commits.length).length)
  const { imported } = base
  const waived = gates.filter((gate) => gate.waived !== undefined)
  const parts = [
    [
      `From ${head.commit} Mon Sep 17 00:00:00 2001`,
      `From: ${author.name} <${author.email}>`,
      `Date: ${mailDate(date)}`,
      `Subject: [${subjectPrefix(version)} ${zero}/${commits.length}] ${title}`,
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=UTF-8',
      'Content-Transfer-Encoding: 8bit',
    ].join('\n'),
    `${wrap(what.replaceAll('`', ''))}\n\nFixes https://github.com/zeromq/libzmq/issues/2022; PULL_REQUEST.md tells the rest.`,
    version > 1 && facts.changes
      ? `Changes since version ${version - 1}:\n\n${facts.changes.trim()}`
      : undefined,
    waived.length > 0
      ? `Sent although:\n\n${waived.map((gate) => `- ${gate.sentence} (${gate.name}: ${gate.waived})`).join('\n')}`
      : undefined,
    summary.trimEnd(),
    version > 1 && facts.rangeDiff
      ? `Range-diff against version ${version - 1}:\n\n${facts.rangeDiff.trimEnd()}`
      : undefined,
    [
      imported
        ? `base-tree: ${base.tree} (libzmq ${facts.release})`
        : `base-commit: ${base.commit}`,
      `change-id: ${changeId}`,
      ...commits.map((commit) => `patch-id: ${commit.patchId} ${commit.subject}`),
    ].join('\n'),
  ]
  return `${parts.filter((part) => part !== undefined).join('\n\n')}\n`
}

/** "Thu, 1 Jan 2026 00:00:00 +0000" */
function mailDate(date: string): string {
  return new Date(date).toUTCString().replace(/, 0/, ', ').replace('GMT', '+0000')
}

/** Lines as mails have them; what has no blanks stays whole. */
function wrap(text: string): string {
  return text.replaceAll(/(.{1,72})(?: +|\n|$)/g, '$1\n').trimEnd()
}
