// SPDX-License-Identifier: MPL-2.0
import { type FetchRequest, fetchUpstream } from './fetch.ts'

// A process of its own that does one fetch, so that a test can run several or kill one. The
// request comes as JSON in the first argument; the source goes to standard output as JSON.
const request = JSON.parse(process.argv[2] ?? '{}') as Pick<
  FetchRequest,
  'release' | 'source' | 'cacheDir' | 'github' | 'known'
>
const source = await fetchUpstream({
  ...request,
  context: {
    ...{ root: '/', out: '/', env: process.env, jobs: 1, offline: false },
    ...{ signal: new AbortController().signal, now: () => new Date() },
  },
  line: (text) => process.stderr.write(`${text}\n`),
})
process.stdout.write(JSON.stringify(source))
