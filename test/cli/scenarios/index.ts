/** What the client commands do, for any broker. */
import type { Scenario } from '../../support/suite.js'
import { configsScenarios } from './configs.js'
import { groupScenarios } from './groups.js'
import { recordScenarios } from './records.js'
import { topicsScenarios } from './topics.js'

export const clientCommandScenarios: readonly Scenario[] = [
  ...topicsScenarios,
  ...recordScenarios,
  ...groupScenarios,
  ...configsScenarios,
]
