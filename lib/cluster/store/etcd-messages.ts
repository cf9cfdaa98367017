/** The part of etcd's `rpc.proto` that the metadata store uses, in protobufjs's JSON form, and its messages' types. */

import { fromJSON, type MethodDefinition, type ServiceDefinition } from '@grpc/proto-loader'

type Fields = Record<string, { type: string; id: number; rule?: 'repeated' }>

function fields(text: string): Fields {
  return Object.fromEntries(
    text.split(',').map((field) => {
      const [id, type, name, rule] = field.trim().split(' ') as [string, string, string, string?]
      return [name, { type, id: Number(id), ...(rule && { rule: 'repeated' as const }) }]
    }),
  )
}

const message = (text: string, oneofs?: Record<string, { oneof: string[] }>) => ({
  fields: text === '' ? {} : fields(text),
  ...(oneofs && { oneofs }),
})

const unary = (requestType: string, responseType: string) => ({ requestType, responseType, comment: '' })
const streams = { requestStream: true, responseStream: true }

const packageDefinition = fromJSON(
  {
    nested: {
      mvccpb: {
        nested: {
          KeyValue: message('1 bytes key, 3 int64 modRevision, 5 bytes value'),
          Event: message('1 int32 type, 2 mvccpb.KeyValue kv'),
        },
      },
      etcdserverpb: {
        nested: {
          ResponseHeader: message('1 uint64 clusterId, 3 int64 revision'),
          RangeRequest: message('1 bytes key, 2 bytes rangeEnd, 3 int64 limit, 4 int64 revision'),
          RangeResponse: message('1 ResponseHeader header, 2 mvccpb.KeyValue kvs repeated, 3 bool more'),
          PutRequest: message('1 bytes key, 2 bytes value, 3 int64 lease'),
          DeleteRangeRequest: message('1 bytes key'),
          DeleteRangeResponse: message('2 int64 deleted'),
          RequestOp: message(
            '1 RangeRequest requestRange, 2 PutRequest requestPut, 3 DeleteRangeRequest requestDeleteRange',
            { request: { oneof: ['requestRange', 'requestPut', 'requestDeleteRange'] } },
          ),
          ResponseOp: message('1 RangeResponse responseRange, 3 DeleteRangeResponse responseDeleteRange', {
            response: { oneof: ['responseRange', 'responseDeleteRange'] },
          }),
          Compare: message('1 int32 result, 2 int32 target, 3 bytes key, 6 int64 modRevision', {
            targetUnion: { oneof: ['modRevision'] },
          }),
          TxnRequest: message(
            '1 Compare compare repeated, 2 RequestOp success repeated, 3 RequestOp failure repeated',
          ),
          TxnResponse: message('1 ResponseHeader header, 2 bool succeeded, 3 ResponseOp responses repeated'),
          WatchCreateRequest: message('1 bytes key, 2 bytes rangeEnd, 3 int64 startRevision'),
          WatchProgressRequest: message(''),
          WatchRequest: message(
            '1 WatchCreateRequest createRequest, 3 WatchProgressRequest progressRequest',
            {
              requestUnion: { oneof: ['createRequest', 'progressRequest'] },
            },
          ),
          WatchResponse: message(
            '1 ResponseHeader header, 3 bool created, 4 bool canceled, 5 int64 compactRevision, 6 string cancelReason, 11 mvccpb.Event events repeated',
          ),
          LeaseGrantRequest: message('1 int64 TTL'),
          LeaseGrantResponse: message('2 int64 ID, 3 int64 TTL'),
          LeaseRevokeRequest: message('1 int64 ID'),
          LeaseRevokeResponse: message(''),
          LeaseKeepAliveRequest: message('1 int64 ID'),
          LeaseKeepAliveResponse: message('2 int64 ID, 3 int64 TTL'),
          AuthenticateRequest: message('1 string name, 2 string password'),
          AuthenticateResponse: message('2 string token'),
          KV: {
            methods: {
              Range: unary('RangeRequest', 'RangeResponse'),
              Txn: unary('TxnRequest', 'TxnResponse'),
            },
          },
          Watch: { methods: { Watch: { ...unary('WatchRequest', 'WatchResponse'), ...streams } } },
          Lease: {
            methods: {
              LeaseGrant: unary('LeaseGrantRequest', 'LeaseGrantResponse'),
              LeaseRevoke: unary('LeaseRevokeRequest', 'LeaseRevokeResponse'),
              LeaseKeepAlive: { ...unary('LeaseKeepAliveRequest', 'LeaseKeepAliveResponse'), ...streams },
            },
          },
          Auth: { methods: { Authenticate: unary('AuthenticateRequest', 'AuthenticateResponse') } },
        },
      },
    },
  },
  // Lease ids pass 2^53: 64-bit numbers are texts.
  { longs: String, defaults: true, arrays: true },
)

export interface KeyValue {
  readonly key: Buffer
  readonly value: Buffer
  readonly modRevision: string
}

export interface Header {
  readonly clusterId: string
  readonly revision: string
}

export interface RangeRequest {
  readonly key: Uint8Array
  readonly rangeEnd?: Uint8Array
  readonly limit?: number
  readonly revision?: number
}

export interface RangeResponse {
  readonly header: Header
  readonly kvs: readonly KeyValue[]
  readonly more: boolean
}

export interface Compare {
  readonly result: number
  readonly target: number
  readonly key: Uint8Array
  readonly modRevision: number
}

export interface RequestOp {
  readonly requestRange?: RangeRequest
  readonly requestPut?: { readonly key: Uint8Array; readonly value: Uint8Array; readonly lease?: string }
  readonly requestDeleteRange?: { readonly key: Uint8Array }
}

export interface TxnRequest {
  readonly compare: readonly Compare[]
  readonly success: readonly RequestOp[]
  readonly failure: readonly RequestOp[]
}

export interface TxnResponse {
  readonly header: Header
  readonly succeeded: boolean
  readonly responses: readonly {
    readonly responseRange?: RangeResponse | null
    readonly responseDeleteRange?: { readonly deleted: string } | null
  }[]
}

export interface WatchRequest {
  readonly createRequest?: {
    readonly key: Uint8Array
    readonly rangeEnd: Uint8Array
    readonly startRevision: number
  }
  /** Answered by a response without events. */
  readonly progressRequest?: object
}

export interface WatchResponse {
  readonly created: boolean
  readonly canceled: boolean
  readonly cancelReason: string
  readonly compactRevision: string
  readonly events: readonly { readonly type: number; readonly kv: KeyValue }[]
}

export interface LeaseResponse {
  readonly ID: string
  /** In seconds; 0 for a lease that is gone. */
  readonly TTL: string
}

/** `Compare.target` and `Compare.result`. */
export const compareModRevision = 2
export const compareEqual = 0
/** `Event.type` of a deletion. */
export const deletion = 1

/** One call: its path and how its messages are written and read. */
export type Method<Request, Response> = MethodDefinition<Request & object, Response & object>

function method<Request, Response>(service: string, name: string): Method<Request, Response> {
  const definition = packageDefinition[`etcdserverpb.${service}`] as ServiceDefinition
  return definition[name] as unknown as Method<Request, Response>
}

export const methods = {
  range: method<RangeRequest, RangeResponse>('KV', 'Range'),
  txn: method<TxnRequest, TxnResponse>('KV', 'Txn'),
  watch: method<WatchRequest, WatchResponse>('Watch', 'Watch'),
  leaseGrant: method<{ readonly TTL: number }, LeaseResponse>('Lease', 'LeaseGrant'),
  leaseRevoke: method<{ readonly ID: string }, object>('Lease', 'LeaseRevoke'),
  leaseKeepAlive: method<{ readonly ID: string }, LeaseResponse>('Lease', 'LeaseKeepAlive'),
  authenticate: method<{ readonly name: string; readonly password: string }, { readonly token: string }>(
    'Auth',
    'Authenticate',
  ),
}
