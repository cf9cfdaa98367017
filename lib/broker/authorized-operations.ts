/**
 * Bit fields of the operations that a client may do, as responses tell them (KIP-430): a bit for each of Kafka's
 * operation codes. There is no authorizer, so they are all that the kind of resource has.
 */
const operation = {
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
} as const

function bits(...names: (keyof typeof operation)[]): number {
  return names.reduce((field, name) => field | (1 << operation[name]), 0)
}

/** What stands in the field when the client did not ask. */
export const NOT_ASKED = -(2 ** 31)

export const topicOperations = bits(
  'READ',
  'WRITE',
  'CREATE',
  'DELETE',
  'ALTER',
  'DESCRIBE',
  'DESCRIBE_CONFIGS',
  'ALTER_CONFIGS',
)
export const clusterOperations = bits(
  'CREATE',
  'ALTER',
  'DESCRIBE',
  'CLUSTER_ACTION',
  'DESCRIBE_CONFIGS',
  'ALTER_CONFIGS',
  'IDEMPOTENT_WRITE',
)
export const groupOperations = bits('READ', 'DELETE', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS')
