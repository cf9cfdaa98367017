/**
 * ApiVersions: what this broker serves. An unsupported version of it is answered with version 0 and its own range
 * alone (by dispatch), so that any client can ask again.
 */
import { ErrorCode } from '../../protocol/errors.js'
import { defineHandler } from '../api-handler.js'

const namePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

export const apiVersions = defineHandler({
  api: 'ApiVersions',
  versions: [0, 4],
  handle({ clientSoftwareName, clientSoftwareVersion }, { version, broker, session }) {
    if (version >= 3) {
      if (!namePattern.test(clientSoftwareName) || !namePattern.test(clientSoftwareVersion)) {
        return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] }
      }
      session.clientSoftware = { name: clientSoftwareName, version: clientSoftwareVersion }
    }
    return { errorCode: ErrorCode.NONE, apiKeys: broker.supportedApis, throttleTimeMs: 0 }
  },
})
