/** A client's way to the brokers of a cluster with faults: who leads, requests that end, connections made anew. */

import type { ApiName } from '../../lib/protocol/index.js'
import { type Encodable, ErrorCode, type RequestOf, type ResponseOf } from '../../lib/protocol/index.js'
import type { Random } from '../support/random.js'
import { TestClient } from '../support/test-client.js'
import type { FaultCluster } from './fault-cluster.js'

/** A client gives up on an answer, and on the connection with it. */
export const patienceMs = 1_500

/** No answer came: what was asked for may have happened or not. */
export class NoAnswerError extends Error {}

export class ClusterConnection implements Disposable {
  readonly #client: TestClient

  private constructor(client: TestClient) {
    this.#client = client
  }

  static async open(cluster: FaultCluster, id: number): Promise<ClusterConnection> {
    const { host, port } = cluster.bootstrap(id)
    return new ClusterConnection(await TestClient.connect(`${host}:${port}`))
  }

  get isClosed(): boolean {
    return this.#client.socket.destroyed
  }

  /** Throws NoAnswerError, and closes the connection. */
  async send<A extends ApiName>(
    api: A,
    body: Encodable<RequestOf<A>>,
    version?: number,
    timeoutMs = patienceMs,
  ): Promise<ResponseOf<A>> {
    const timer = setTimeout(() => this[Symbol.dispose](), timeoutMs)
    try {
      return await this.#client.send(api, body, version)
    } catch (error) {
      this[Symbol.dispose]()
      throw new NoAnswerError(String(error))
    } finally {
      clearTimeout(timer)
    }
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]()
  }
}

/** Asks any broker who leads; undefined where it does not say, or does not answer. */
export async function findLeader(
  cluster: FaultCluster,
  random: Random,
  topic: string,
  partition: number,
  ids: readonly number[],
): Promise<number | undefined> {
  try {
    using connection = await ClusterConnection.open(cluster, random.pick(ids))
    const { topics } = await connection.send('Metadata', { topics: [{ name: topic }] }, 8)
    const found = topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === partition)
    return found?.errorCode === ErrorCode.NONE && ids.includes(found.leaderId) ? found.leaderId : undefined
  } catch {
    return undefined
  }
}
