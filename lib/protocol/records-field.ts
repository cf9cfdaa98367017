/**
 * Fields of type `records`: a run of record batches that the codec does not look into. Decoding gives a view of
 * the frame; encoding takes bytes, or something of known length that the socket layer knows how to send.
 */
declare const records: unique symbol

/** A view of the frame's bytes; the phantom property tells it from a `bytes` field where types are derived. */
export interface Records extends Uint8Array {
  readonly [records]?: true
}

/** Bytes that are not in memory, a file range for example. */
export interface RecordsSource {
  readonly byteLength: number
}

/** What `encode` takes for a `T` that `decode` gives: fields may be missing and then take their default. */
export type Encodable<T> = T extends Uint8Array
  ? typeof records extends keyof T
    ? Uint8Array | RecordsSource
    : Uint8Array
  : T extends readonly (infer E)[]
    ? readonly Encodable<E>[]
    : T extends object
      ? { readonly [K in keyof T]?: Encodable<T[K]> }
      : T
