// SPDX-License-Identifier: MPL-2.0
import { addonStages } from './addon-stages.ts'
import { buildStages } from './build-stages.ts'
import { bundleStages } from './bundle-stages.ts'
import { checkStages } from './check-stages.ts'
import { crossStages } from './cross-stages.ts'
import { docsStages } from './docs-stages.ts'
import { prefixStages } from './native-stages.ts'
import { perfStages } from './perf-stages.ts'
import { proofStages } from './proof-stages.ts'
import { pyzmqStage } from './pyzmq-stage.ts'
import { ringSanitizedStage, transportSanitizedStage } from './sanitizer-stages.ts'
import { conformanceStages, softscifStages } from './softscif-stages.ts'
import type { Stage } from './stage.ts'
import { symbolsStage } from './symbols-stage.ts'
import { syscallStages } from './syscall-stages.ts'
import { toolkitStages } from './toolkit-stages.ts'
import { variantStages } from './variant-stages.ts'
import { verifyStages } from './verify-stages.ts'

/** Everything that ./test runs, in this order: the quick ones first. */
export const stages: readonly Stage[] = [
  ...toolkitStages,
  ...softscifStages,
  ...buildStages,
  ...variantStages,
  symbolsStage,
  ...bundleStages,
  ...conformanceStages,
  ...prefixStages,
  ...syscallStages,
  ...proofStages,
  ...checkStages,
  ...perfStages,
  ...addonStages,
  pyzmqStage,
  transportSanitizedStage,
  ...crossStages,
  ...docsStages,
  ringSanitizedStage,
  ...verifyStages,
]
