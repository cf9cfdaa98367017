/** Values that settings of brokers and of topics share. */

export const compressionTypes = ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'] as const
export const timestampTypes = ['CreateTime', 'LogAppendTime'] as const
export const cleanupPolicies = ['compact', 'delete'] as const

export type CompressionType = (typeof compressionTypes)[number]
export type TimestampType = (typeof timestampTypes)[number]
