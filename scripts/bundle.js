// Bundles the program into dist/bundle/cli: a process that loads a few files is ready sooner than one that loads a
// hundred. Commands stay chunks of their own, loaded when asked for. The library in dist/lib is not bundled.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const outdir = 'dist/bundle/cli'

const { metafile } = await build({
  entryPoints: { main: 'dist/lib/cli/main.js', 'codec-worker': 'dist/lib/protocol/codec-worker.js' },
  // As deep as dist/lib/cli: what is found relative to a module is found from here too.
  outdir,
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  sourcemap: true,
  logLevel: 'warning',
  metafile: true,
})

// Chunks are named by their content: those of earlier builds would stay, and be packed.
for (const name of readdirSync(outdir)) {
  if (!(join(outdir, name) in metafile.outputs)) rmSync(join(outdir, name), { recursive: true })
}
