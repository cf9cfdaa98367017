/** A request to the group coordinator, as the coordinator sees it. */
import type { RequestContext as GroupContext } from '../../coordinator/index.js'
import type { RequestContext } from '../pipeline/request-context.js'

export function groupContext({ version, clientId, session }: RequestContext): GroupContext {
  return { version, clientId, clientAddress: session.remoteAddress }
}
