/**
 * ApiVersions: what this broker serves. An unsupported version of it is answered with version 0 and its own range
 * alone (by dispatch), so that any client can ask again.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { openToAll } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'

const namePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

export const apiVersions = defineHandler({
  api: 'ApiVersions',
  versions: [0, 4],
  access: openToAll('clients ask before they log in', { beforeLogin: true }),
  charge: 'request',
  refuse: ({ code }) => ({ errorCode: code, apiKeys: [] }),
  handle({ clientSoftwareName, clientSoftwareVersion }, { version, broker, session }) {
    if (version >= 3) {
      if (!namePattern.test(clientSoftwareName) || !namePattern.test(clientSoftwareVersion)) {
        throw new KafkaError('INVALID_REQUEST')
      }
      session.clientSoftware = { name: clientSoftwareName, version: clientSoftwareVersion }
    }
    return { errorCode: ErrorCode.NONE, apiKeys: broker.supportedApis, throttleTimeMs: 0 }
  },
})
