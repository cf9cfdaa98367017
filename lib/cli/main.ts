#!/usr/bin/env node
/** The program `odradek`: the list of its commands, each loaded when it is asked for. */

import { readFileSync } from 'node:fs'
import { type CommandEntry, runProgram } from './command.js'

const commands: readonly CommandEntry[] = [
  { name: 'serve', load: async () => (await import('./commands/serve.js')).serveCommand },
  { name: 'topics', load: async () => (await import('./commands/topics.js')).topicsCommand },
  { name: 'produce', load: async () => (await import('./commands/produce.js')).produceCommand },
  { name: 'consume', load: async () => (await import('./commands/consume.js')).consumeCommand },
  { name: 'groups', load: async () => (await import('./commands/groups.js')).groupsCommand },
  { name: 'log', load: async () => (await import('./commands/log.js')).logCommand },
  { name: 'configs', load: async () => (await import('./commands/configs.js')).configsCommand },
  {
    name: 'leader-election',
    load: async () => (await import('./commands/leader-election.js')).leaderElectionCommand,
  },
  {
    name: 'reassign-partitions',
    load: async () => (await import('./commands/reassign-partitions.js')).reassignPartitionsCommand,
  },
  { name: 'cluster', load: async () => (await import('./commands/cluster.js')).clusterCommand },
  { name: 'bench', load: async () => (await import('./commands/bench.js')).benchCommand },
]

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

process.exitCode = await runProgram(
  { name: 'odradek', version, summary: 'A streaming log that speaks Kafka’s protocol.', commands },
  process.argv.slice(2),
  { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: process.env },
)
