// Bundles the program into dist/bundle/cli: a process that loads a few files is ready sooner than one that loads a
// hundred. Commands stay chunks of their own, loaded when asked for. The library in dist/lib is not bundled.
import { build } from 'esbuild'

await build({
  entryPoints: { main: 'dist/lib/cli/main.js', 'codec-worker': 'dist/lib/protocol/codec-worker.js' },
  // As deep as dist/lib/cli: what is found relative to a module is found from here too.
  outdir: 'dist/bundle/cli',
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  sourcemap: true,
  logLevel: 'warning',
})
