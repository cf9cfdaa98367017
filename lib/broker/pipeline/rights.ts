/** What the client of one session may do. */
import {
  type Authorizer,
  CLUSTER_NAME,
  type Operation,
  operationCodes,
  type ResourceType,
} from './authorizer.js'

/** The operations that mean something to each type of resource, as Kafka lists them. */
const operationsOf: Readonly<Record<ResourceType, readonly Operation[]>> = {
  TOPIC: ['READ', 'WRITE', 'CREATE', 'DELETE', 'ALTER', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS'],
  GROUP: ['READ', 'DELETE', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS'],
  CLUSTER: [
    'CREATE',
    'ALTER',
    'DESCRIBE',
    'CLUSTER_ACTION',
    'DESCRIBE_CONFIGS',
    'ALTER_CONFIGS',
    'IDEMPOTENT_WRITE',
  ],
  TRANSACTIONAL_ID: ['WRITE', 'DESCRIBE'],
}

const bitOf = (operation: Operation) => 1 << operationCodes[operation]
const bitsOf = (operations: readonly Operation[]) => operations.reduce((bits, each) => bits | bitOf(each), 0)

const allOperations: Readonly<Record<ResourceType, number>> = {
  TOPIC: bitsOf(operationsOf.TOPIC),
  GROUP: bitsOf(operationsOf.GROUP),
  CLUSTER: bitsOf(operationsOf.CLUSTER),
  TRANSACTIONAL_ID: bitsOf(operationsOf.TRANSACTIONAL_ID),
}

/** Stands in an answer's field of operations where the client did not ask for them. */
export const OPERATIONS_NOT_ASKED = -(2 ** 31)

/** The principal changes when the client logs in. */
interface Client {
  readonly principal: string
  readonly remoteAddress: string
}

export class Rights {
  readonly #authorizer: Authorizer
  readonly #client: Client

  constructor(authorizer: Authorizer, client: Client) {
    this.#authorizer = authorizer
    this.#client = client
  }

  has(operation: Operation, resourceType: ResourceType, name: string): boolean {
    const { principal, remoteAddress } = this.#client
    return this.#authorizer.authorize(principal, remoteAddress, operation, resourceType, name)
  }

  hasOnCluster(operation: Operation): boolean {
    return this.has(operation, 'CLUSTER', CLUSTER_NAME)
  }

  hasOnAny(operation: Operation, resourceType: ResourceType): boolean {
    const { principal, remoteAddress } = this.#client
    return this.#authorizer.authorizeByResourceType(principal, remoteAddress, operation, resourceType)
  }

  /** A bit for the code of each operation that is allowed. */
  operationsOn(resourceType: Exclude<ResourceType, 'CLUSTER'>, name: string): number {
    return this.#bits(resourceType, name)
  }

  /** As above; none for a client that may not describe the cluster, as Kafka answers it. */
  operationsOnCluster(): number {
    return this.hasOnCluster('DESCRIBE') ? this.#bits('CLUSTER', CLUSTER_NAME) : 0
  }

  #bits(resourceType: ResourceType, name: string): number {
    if (this.#authorizer.allowsAll) return allOperations[resourceType]
    let bits = 0
    for (const operation of operationsOf[resourceType]) {
      if (this.has(operation, resourceType, name)) bits |= bitOf(operation)
    }
    return bits
  }
}
