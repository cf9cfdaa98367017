/**
 * The APIs: key, name, versions, header versions and the listeners that serve them.
 */
import { apiTable } from './generated/api-table.js'
import type { ApiName } from './generated/messages.js'

export type ApiListener = 'BROKER' | 'CONTROLLER'

export interface Api {
  readonly key: number
  readonly name: ApiName
  readonly minVersion: number
  /** The highest version, also where it is not stable. */
  readonly maxVersion: number
  /** True where the top version is not advertised by a release. */
  readonly latestVersionUnstable: boolean
  /** First versions with compact lengths and tagged fields; Infinity where there are none. */
  readonly requestFlexibleFrom: number
  readonly responseFlexibleFrom: number
  readonly listeners: readonly ApiListener[]
}

/** All APIs by key, in the order of their keys. */
export const apis: ReadonlyMap<number, Api> = new Map(
  apiTable.map(([key, name, minVersion, maxVersion, request, response, latestVersionUnstable, listeners]) => [
    key as number,
    {
      key,
      name,
      minVersion,
      maxVersion,
      latestVersionUnstable,
      requestFlexibleFrom: flexibleFrom(request),
      responseFlexibleFrom: flexibleFrom(response),
      listeners,
    },
  ]),
)

const byName = new Map<string, Api>([...apis.values()].map((api) => [api.name, api]))

export function apiByName(name: ApiName): Api {
  const api = byName.get(name)
  if (api === undefined) throw new TypeError(`no API is called ${name}`)
  return api
}

function flexibleFrom(version: number): number {
  return version < 0 ? Number.POSITIVE_INFINITY : version
}
