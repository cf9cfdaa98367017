/** What clients and followers have sent and taken, counted while the broker runs. */

interface TopicTraffic {
  bytesIn: number
  messagesIn: number
  bytesOut: number
}

interface RequestTraffic {
  count: number
  totalMs: number
}

export class Traffic {
  readonly topics = new Map<string, TopicTraffic>()
  readonly requests = new Map<string, RequestTraffic>()
  /** To followers. */
  replicationBytesOut = 0

  /** A batch that a client sent is appended. */
  produced(topic: string, bytes: number, messages: number): void {
    const traffic = this.#topic(topic)
    traffic.bytesIn += bytes
    traffic.messagesIn += messages
  }

  /** Records go to a consumer. */
  consumed(topic: string, bytes: number): void {
    this.#topic(topic).bytesOut += bytes
  }

  /** A request is answered. */
  answered(api: string, elapsedMs: number): void {
    let traffic = this.requests.get(api)
    if (!traffic) this.requests.set(api, (traffic = { count: 0, totalMs: 0 }))
    traffic.count++
    traffic.totalMs += elapsedMs
  }

  /** Topics that are gone take their counts along. */
  forget(topic: string): void {
    this.topics.delete(topic)
  }

  #topic(topic: string): TopicTraffic {
    let traffic = this.topics.get(topic)
    if (!traffic) this.topics.set(topic, (traffic = { bytesIn: 0, messagesIn: 0, bytesOut: 0 }))
    return traffic
  }
}
