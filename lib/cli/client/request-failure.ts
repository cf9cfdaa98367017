/** Says in one line why a request to a cluster failed. The library nests errors; the innermost one knows why. */

export class RequestFailure extends Error {
  override readonly name = 'RequestFailure'
}

interface LibraryError extends Error {
  code?: string
  /** Kafka's name of the error. */
  apiId?: string
  serverErrorMessage?: string | null
  errors?: readonly unknown[]
}

export function requestFailure(error: unknown): Error {
  if (!(error instanceof Error)) return new RequestFailure(String(error))
  const all = flatten(error)
  const answered = all.find(({ apiId }) => apiId !== undefined)
  if (answered) {
    const text = answered.serverErrorMessage || answered.message
    return new RequestFailure(`${text.replace(/\.$/, '')} (${answered.apiId})`, { cause: error })
  }
  const network = all.find(({ code }) => code === 'PLT_KFK_NETWORK')
  if (network) {
    const system = all.find(({ code }) => code !== undefined && /^E[A-Z]+$/.test(code))
    const text = network.message.replace(/\.$/, '')
    return new RequestFailure(system ? `${text}: ${system.code}` : text, { cause: error })
  }
  return all.find(({ code }) => code?.startsWith('PLT_KFK_') && code !== 'PLT_KFK_MULTIPLE') ?? error
}

/** Kafka's names of all errors within one of the library's. */
export function kafkaErrorNames(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  return flatten(error).flatMap(({ apiId }) => apiId ?? [])
}

function flatten(error: LibraryError, seen: LibraryError[] = []): LibraryError[] {
  if (seen.includes(error)) return seen
  seen.push(error)
  for (const inner of [...(error.errors ?? []), error.cause]) {
    if (inner instanceof Error) flatten(inner, seen)
  }
  return seen
}
