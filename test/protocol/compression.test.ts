import { gzipSync } from 'node:zlib'
import test from 'ava'
import { type CompressionName, compress, compressionNames, decompress } from '../../lib/protocol/index.js'
import { compressFrame } from '../../lib/protocol/lz4-block.js'
import { nodeZstd, packagedZstd } from '../../lib/protocol/zstd.js'

const codecs: CompressionName[] = ['gzip', 'snappy', 'lz4', 'zstd']
const text = Buffer.from(Array.from({ length: 9000 }, (_, i) => `line ${i} says ${i * 7919} `).join('\n'))

/** Bytes that do not compress, the same in every run. */
function noise(size: number): Uint8Array {
  let state = 42
  return Uint8Array.from({ length: size }, () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return state >> 16
  })
}

const contents = { 'no bytes': Buffer.alloc(0), 'one byte': Buffer.from('x'), text, noise: noise(150_000) }

test('codec names stand in the order of their ids', (t) => {
  t.deepEqual(compressionNames, ['none', 'gzip', 'snappy', 'lz4', 'zstd'])
})

for (const codec of codecs) {
  for (const [name, bytes] of Object.entries(contents)) {
    test(`${codec} gives ${name} back`, async (t) => {
      const compressed = await compress(codec, bytes)
      t.deepEqual(Buffer.from(await decompress(codec, compressed, bytes.length)), Buffer.from(bytes))
    })
  }

  test(`${codec} makes text smaller`, async (t) => {
    t.true((await compress(codec, text)).length < text.length / 2)
  })

  test(`${codec} refuses what decompresses to more than allowed`, async (t) => {
    const bomb = await compress(codec, Buffer.alloc(5_000_000))
    await t.throwsAsync(decompress(codec, bomb, 1_000_000), {
      name: 'KafkaError',
      message: /more than 1000000/,
    })
    await t.throwsAsync(decompress(codec, await compress(codec, text), text.length - 1), {
      message: /more than/,
    })
  })

  test(`${codec} refuses damaged bytes with a typed error, or gives something within the bound`, async (t) => {
    const compressed = await compress(codec, text.subarray(0, 20_000))
    for (let i = 0; i < 150; i++) {
      const damaged = Buffer.from(compressed)
      damaged[(i * 7919) % damaged.length]! ^= 1 << (i % 8)
      try {
        t.true((await decompress(codec, damaged, 100_000)).length <= 100_000)
      } catch (error) {
        t.true(['CorruptBatchError', 'KafkaError'].includes((error as Error).name), (error as Error).stack)
      }
    }
    for (const size of [0, 1, 5, 15, 17, 30, compressed.length - 1]) {
      const cut = compressed.subarray(0, size)
      await t.throwsAsync(decompress(codec, cut, 100_000), { name: 'CorruptBatchError' }, `${size} bytes`)
    }
  })
}

// Serial, because it looks at the memory of the whole process.
test.serial('a bomb is not held in memory before it is refused', async (t) => {
  for (const codec of codecs) {
    const bomb = await compress(codec, Buffer.alloc(120_000_000))
    await t.throwsAsync(decompress(codec, await compress(codec, text), 1000))
    const before = process.memoryUsage().rss
    await t.throwsAsync(decompress(codec, bomb, 1_000_000), { message: /more than 1000000/ })
    t.true(process.memoryUsage().rss - before < 80_000_000, codec)
  }
})

test('snappy without framing is read, as some clients send it', async (t) => {
  const snappy = await import('snappy')
  const raw = await snappy.compress(text)
  t.deepEqual(Buffer.from(await decompress('snappy', raw, text.length)), text)
})

test('framed snappy streams behind one another are read as one', async (t) => {
  const one = await compress('snappy', text)
  const two = await compress('snappy', Buffer.from('tail'))
  const joined = await decompress('snappy', Buffer.concat([one, two]), text.length + 4)
  t.is(Buffer.from(joined).toString(), `${text}tail`)
})

test('higher levels compress further', async (t) => {
  for (const [codec, low, high] of [
    ['gzip', 1, 9],
    ['lz4', 1, 12],
    ['zstd', 3, 19],
  ] as const) {
    const [less, more] = [await compress(codec, text, low), await compress(codec, text, high)]
    t.true(more.length < less.length, codec)
    t.deepEqual(Buffer.from(await decompress(codec, more, text.length)), text, codec)
  }
  await t.throwsAsync(compress('lz4', text, 18), { instanceOf: RangeError })
})

test('LZ4 at any level gives every length back', async (t) => {
  for (const size of [...Array(40).keys(), 65_535, 65_536, 65_537, 131_072]) {
    for (const bytes of [text.subarray(0, size), Buffer.alloc(size, 'ab'), noise(size)]) {
      const frame = compressFrame(bytes, 1 + (size % 9))
      t.deepEqual(Buffer.from(await decompress('lz4', frame, bytes.length)), Buffer.from(bytes), `${size}`)
    }
  }
})

test('gzip members behind one another are read as one', async (t) => {
  const joined = Buffer.concat([gzipSync('one '), gzipSync('two')])
  t.is(Buffer.from(await decompress('gzip', joined, 100)).toString(), 'one two')
})

test('zstd by package and by Node read each other', async (t) => {
  const zlib = await import('node:zlib')
  const byNode = nodeZstd(zlib as never)
  const byPackage = await packagedZstd()
  const implementations = byNode === undefined ? [byPackage] : [byPackage, byNode]
  for (const writer of implementations) {
    for (const reader of implementations) {
      for (const level of [1, 3, 12]) {
        const result = await reader.decompress(await writer.compress(text, level), text.length)
        t.deepEqual(Buffer.from(result!), text)
      }
    }
  }
  if (byNode === undefined) t.log('this Node has no zstd of its own: tried the package alone')
})

// Serial, so that no other test takes the loop's turns.
test.serial('compression leaves the event loop free', async (t) => {
  const big = Buffer.concat(Array(15).fill(text))
  for (const [codec, level] of [
    ['gzip', 9],
    ['zstd', 15],
    ['lz4', 10],
  ] as const) {
    let turns = 0
    let done = false
    const counting = (async () => {
      while (!done) {
        await new Promise((resolve) => setImmediate(resolve))
        turns++
      }
    })()
    await compress(codec, big, level)
    done = true
    await counting
    t.true(turns > 5, `${codec}: ${turns} turns`)
  }
})
