/** What etcd's errors mean for whoever runs the brokers, and what can be done about each. */

import { type ServiceError, status } from '@grpc/grpc-js'

/** Errors after which it is not known what became of a request. */
const unclear: ReadonlySet<number> = new Set([
  status.CANCELLED,
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
])

/** Parts of etcd's messages, and what to do. */
const advice: readonly [RegExp, string][] = [
  [
    /database space exceeded/,
    'etcd is full and takes no changes: compact and defragment it or raise --quota-backend-bytes, then run etcdctl alarm disarm',
  ],
  [
    /permission denied/,
    'the user of etcd.username lacks the right to read and write all that begins with etcd.prefix',
  ],
  [/authentication failed/, 'check etcd.username and etcd.password'],
  [
    /user name is empty|authentication is not enabled/,
    'check whether etcd.username and etcd.password are wanted',
  ],
  [/request is too large/, 'raise --max-request-bytes of etcd'],
]

/** REQUIRES: the request was sent; one that was not has a known outcome. */
export function isUnclear({ code }: ServiceError): boolean {
  // Without a gRPC status it is no answer of etcd's.
  return code === undefined || unclear.has(code)
}

/** True where another token may help: the old one ran out, or etcd was restarted, or its users were changed. */
export function isStaleToken({ code, details = '' }: ServiceError): boolean {
  return code === status.UNAUTHENTICATED || /invalid auth token|auth store is old/.test(details)
}

/** etcd's own words, and the advice there is. */
export function explained(details: string): string {
  const found = advice.find(([pattern]) => pattern.test(details))
  return found ? `${details} (${found[1]})` : details
}
