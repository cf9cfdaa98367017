/** Gives kafkajs the codecs that it leaves to others, as its users do. */
import kafkajs from 'kafkajs'
// @ts-expect-error: the package has no types.
import snappy from 'kafkajs-snappy'
import { compressFrame, decompressFrame } from 'lz4-napi'

const { CompressionCodecs, CompressionTypes } = kafkajs

interface Encoded {
  buffer: Buffer
}

export async function registerCodecs(): Promise<void> {
  const { Decoder, Encoder } = await import('@toondepauw/node-zstd')
  CompressionCodecs[CompressionTypes.Snappy] = snappy
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: ({ buffer }: Encoded) => compressFrame(buffer),
    decompress: (buffer: Buffer) => decompressFrame(buffer),
  })
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: ({ buffer }: Encoded) => new Encoder(3).encode(buffer),
    decompress: (buffer: Buffer) => new Decoder().decode(buffer),
  })
}
