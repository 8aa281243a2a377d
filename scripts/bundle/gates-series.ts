// SPDX-License-Identifier: MPL-2.0
import { listsAuthor } from './authors.ts'
import { findLoose } from './figures.ts'
import { missingPaths, points } from './points.ts'
import type { BundleFacts, Finding, Gate } from './types.ts'

/** Days after which a base counts as a stale one when it is not upstream who says that it is its master. */
const staleDays = 30
/**
 * Lines of src/ that upstream has and the series may add to; VMCI's needed 198, vsock's 109. Half
 * of them is for the transport, half for the cures that all transports have something of.
 */
const glueBudget = 300
const subjectWidth = 72
const bodyWidth = 80

/** What the series is, and what it stands on. */
export const seriesGates: readonly Gate[] = [
  { name: 'base', title: 'The base is upstream’s master, and not stale', look: lookAtBase },
  { name: 'exported', title: 'The series is exported', look: lookAtExport },
  { name: 'messages', title: 'Commit messages have upstream’s form', look: lookAtMessages },
  { name: 'authors', title: 'AUTHORS lists the author', look: lookAtAuthors },
  { name: 'glue', title: 'The glue is within its budget', look: lookAtGlue },
  { name: 'issue-2022', title: 'Each point of #2022 has its answer', look: lookAtPoints },
  { name: 'project', title: 'Reviewers know where to get SoftSCIF', look: lookAtProject },
  { name: 'changes', title: 'It is said what changed since the last version', look: lookAtChanges },
]

export const open = (sentence: string): Finding => ({ ok: true, sentence })
export const shut = (sentence: string, fix: string): Finding => ({ ok: false, sentence, fix })

export const daysBetween = (from: string, to: Date): number =>
  (to.getTime() - Date.parse(from)) / 86_400_000

function lookAtBase({ base, tip, now }: BundleFacts): Finding {
  const short = base.commit.slice(0, 12)
  const rebase = './build apply --release master, put right what no longer fits, ./build export'
  if (base.imported)
    return shut(
      'The base was made from a release archive, so no repository but this one has it.',
      './build bundle --source git:<url or path of a clone of libzmq>',
    )
  if (tip.commit === undefined)
    return shut(
      `Whether ${short} is upstream’s master is not known: ${tip.problem ?? 'nobody was asked'}.`,
      './build bundle --source git:<url or path of a clone of libzmq>',
    )
  if (tip.commit !== base.commit)
    return shut(`The base is ${short}, and upstream’s master ${tip.commit.slice(0, 12)}.`, rebase)
  if (tip.byUpstream) return open(`The base is upstream’s master, ${short} of ${base.date}.`)
  const lent = 'the master of the repository that was asked in place of upstream'
  if (daysBetween(base.date, now) > staleDays)
    return shut(
      `The base is ${lent}, but of ${base.date}, more than ${staleDays} days ago.`,
      'Fetch upstream in that repository, or name another one with --source git:<url>.',
    )
  return open(`The base is ${lent}, ${short} of ${base.date}.`)
}

function lookAtExport({ notExported, commits }: BundleFacts): Finding {
  if (notExported.length > 0)
    return shut(
      `The work tree is not just the series: ${notExported.join('; ')}.`,
      './build export',
    )
  const count = commits.filter((commit) => commit.slug !== undefined).length
  return open(`All ${count} commits of the work tree are those of patches/series.yaml.`)
}

function lookAtMessages({ commits }: BundleFacts): Finding {
  const wrong = commits.flatMap(({ id, message }) => {
    const fault = faultOf(message)
    return fault ? [`${id.slice(0, 12)} ${fault}`] : []
  })
  if (wrong.length > 0)
    return shut(
      `Not every message has upstream’s form: ${wrong.join('; ')}.`,
      'Reword the entry’s message in patches/series.yaml.',
    )
  return open(`All ${commits.length} messages say Problem and Solution.`)
}

/** What is wrong with a message, as the end of a sentence. */
function faultOf(message: string): string | undefined {
  const [subject = '', ...rest] = message.trimEnd().split('\n')
  if (!/^Problem: \S/.test(subject)) return 'does not begin with "Problem: "'
  if (subject.length > subjectWidth) return `has a first line of ${subject.length} characters`
  if (rest[0] !== '') return 'has no empty second line'
  if (!rest.some((line) => /^Solution: \S/.test(line))) return 'has no "Solution: "'
  if (rest.some((line) => [...line].length > bodyWidth)) return `is wider than ${bodyWidth}`
  if (/^(Series-Entry|Change-Id):|^(fixup|squash)!|\bWIP\b/m.test(message))
    return 'has leftovers of its making'
  return undefined
}

function lookAtAuthors({ authorsFile, author }: BundleFacts): Finding {
  if (author.email.endsWith('.invalid'))
    return shut(
      `The author's address, ${author.email}, is nobody's.`,
      'Give --author "Name <address>", or set user.email of git.',
    )
  if (authorsFile === undefined) return open('Upstream has no AUTHORS.')
  if (listsAuthor(authorsFile, author.name)) return open(`AUTHORS lists ${author.name}.`)
  return shut(
    `AUTHORS does not list ${author.name}; upstream's contributors add themselves.`,
    './build bundle --add-author: makes a last commit that adds the line',
  )
}

function lookAtGlue({ glue }: BundleFacts): Finding {
  const said = `The series adds ${glue.src.added} lines to files that src/ has, and takes away ${glue.src.removed}`
  if (glue.src.added > glueBudget)
    return shut(
      `${said}; the budget is ${glueBudget}.`,
      'Move code from the glue into files of its own.',
    )
  return open(`${said}; the budget is ${glueBudget}.`)
}

function lookAtPoints({ paths }: BundleFacts): Finding {
  const wrong = points.flatMap((point) => {
    const missing = missingPaths(point, paths)
    return missing.length > 0 ? [`"${point.asked}": no ${missing.join(', ')}`] : []
  })
  if (wrong.length > 0)
    return shut(
      `An answer points at what is not there: ${wrong.join('; ')}.`,
      'Put the answers in scripts/bundle/points.ts right.',
    )
  return open(`All ${points.length} points have an answer that can be seen in the tree.`)
}

function lookAtProject({ project }: BundleFacts): Finding {
  if (project !== undefined) return open(`Reviewers get the toolkit, and SoftSCIF, at ${project}.`)
  return shut(
    'Nothing says where reviewers get the toolkit, by which they try it without hardware.',
    'Give --project <url>, or set "homepage" in package.json.',
  )
}

function lookAtChanges({ version, changes, rangeDiff }: BundleFacts): Finding {
  if (version === 1) return open('It is the first version.')
  if (rangeDiff === undefined)
    return shut(
      `The bundle of version ${version - 1} is not at hand to compare with.`,
      `Give --previous <folder of v${version - 1}>.`,
    )
  if (changes === undefined)
    return shut(
      `Nothing says what changed since version ${version - 1}.`,
      'Give --changes <file or text>.',
    )
  const loose = findLoose(changes)
  if (loose.length > 0)
    return shut(
      `The words on the changes have figures that no evidence bears out: ${loose.join('; ')}.`,
      'Take them out; what was measured stands in the tables.',
    )
  return open(`The changes since version ${version - 1} are told and shown.`)
}
