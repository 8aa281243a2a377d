// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { buildCmake, ctest } from './native.ts'
import type { Stage } from './stage.ts'

/** What the I/O threads ask of the kernel. */
export const syscallStages: readonly Stage[] = [
  {
    id: 'syscalls',
    title: 'System calls of the I/O threads: few when streaming, none when idle',
    floor: 3,
    minutes: 4,
    after: ['build'],
    run: async (context) =>
      ctest(
        context,
        await buildCmake(context, 'native-tests/syscalls', 'syscalls', {
          ZMQ_PREFIX: join(context.out, 'prefix'),
        }),
      ),
  },
]
