/**
 * Who may do what: the one question that the pipeline asks before a handler runs. An authorizer answers from memory;
 * it never waits.
 */

/** Kafka's operations, and their codes where a response lists them (KIP-430). */
export const operationCodes = {
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

export type Operation = keyof typeof operationCodes

export type ResourceType = 'TOPIC' | 'GROUP' | 'CLUSTER' | 'TRANSACTIONAL_ID'

/** The name of the only resource of type CLUSTER. */
export const CLUSTER_NAME = 'kafka-cluster'

export interface Authorizer {
  /** True where every question is answered yes: nothing is asked then. */
  readonly allowsAll: boolean
  /** `principal` in Kafka's form (`User:alice`); `host` is the client's address. */
  authorize(
    principal: string,
    host: string,
    operation: Operation,
    resourceType: ResourceType,
    name: string,
  ): boolean
  /** Whether there is any resource of the type, existing or not, on which the operation is allowed (KIP-679). */
  authorizeByResourceType(
    principal: string,
    host: string,
    operation: Operation,
    resourceType: ResourceType,
  ): boolean
}

export const allowAll: Authorizer = {
  allowsAll: true,
  authorize: () => true,
  authorizeByResourceType: () => true,
}
