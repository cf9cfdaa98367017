/** `odradek bench disk`: what a disk does, and how close the engine comes. */

import { defineCommand } from '../command.js'

const diskCommand = defineCommand({
  name: 'disk',
  summary: 'measure a disk by plain system calls and through the engine, side by side',
  options: {
    dir: {
      type: 'string',
      short: 'd',
      value: 'DIR',
      default: '.',
      help: 'a folder on the disk to measure; nothing stays in it',
    },
    size: {
      type: 'string',
      value: 'SIZE',
      help: 'write at most so much in all, such as 500MB or 4GB (default 2GB; 200MB with --quick)',
    },
    quick: { type: 'boolean', help: 'one short round: tells that everything works, not how fast' },
    json: {
      type: 'string',
      value: 'FILE',
      standing: '-',
      help: 'write all figures of all rounds as JSON; without a file, or with -, instead of the table',
    },
    html: { type: 'string', value: 'FILE', help: 'write a page with plots, readable without a network' },
  },
  examples: [
    'odradek bench disk --dir /var/lib/odradek',
    'odradek bench disk --html disk.html --json disk.json',
    'odradek bench disk --size 10GB',
  ],
  async run({ options }, io) {
    const { runBenchDisk } = await import('../bench-disk.js')
    return runBenchDisk(options, io)
  },
})

export const benchCommand = defineCommand({
  name: 'bench',
  summary: 'measure what this machine does',
  subcommands: [diskCommand],
})
