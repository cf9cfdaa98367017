/**
 * The rooms of lib/, from the ground floor up, and the rooms that each may import. A name with a path lets in that one
 * module of a room: its public face. What is not listed here does not exist: a new room fails the test until it has a
 * line of its own.
 */
export const rooms: readonly (readonly [room: string, imports: readonly string[]])[] = [
  ['time', []],
  ['concurrency', []],
  ['config', []],
  ['protocol', []],
  ['native', []],
  ['log', ['time', 'config', 'protocol', 'native']],
  ['network', ['time', 'config', 'protocol', 'native']],
  ['embedded', ['time', 'concurrency', 'config', 'protocol', 'native', 'log']],
  ['storage', ['time', 'config', 'protocol', 'native', 'log']],
  ['replica', ['time', 'concurrency', 'config', 'protocol', 'native', 'log', 'network', 'storage']],
  ['coordinator', ['time', 'config', 'protocol']],
  [
    'cluster',
    ['time', 'concurrency', 'config', 'protocol', 'native', 'log', 'network', 'storage', 'replica'],
  ],
  [
    'broker',
    [
      'time',
      'concurrency',
      'config',
      'protocol',
      'native',
      'log',
      'network',
      'storage',
      'replica',
      'coordinator',
      'cluster',
    ],
  ],
  ['disk-benchmark', ['protocol', 'native', 'log', 'network', 'embedded']],
  [
    'cli',
    [
      'time',
      'config',
      'protocol',
      'disk-benchmark',
      'storage/inspection/index.ts',
      'broker/broker.ts',
      'broker/cluster-import.ts',
    ],
  ],
  [
    'index.ts',
    [
      'broker/broker.ts',
      'broker/in-process/broker-client.ts',
      'broker/in-process/broker-client-error.ts',
      'config',
    ],
  ],
]
