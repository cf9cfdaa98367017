/** Declares the handlers that have no access rule of their own yet: everybody may call them. */
import type { ApiName } from '../protocol/index.js'
import { openToAll } from './pipeline/access.js'
import { type AnyApiHandler, type ApiHandler, defineHandler as declare } from './pipeline/handler.js'

export { type AnyApiHandler, supportedApis } from './pipeline/handler.js'
export type { RequestContext } from './pipeline/request-context.js'

export function defineHandler<A extends ApiName>(
  handler: Omit<ApiHandler<A>, 'access' | 'charge' | 'refuse'>,
): AnyApiHandler {
  return declare<A>({
    ...handler,
    access: openToAll('there is no rule'),
    charge: 'request',
    refuse: (error) => {
      throw error
    },
  })
}
