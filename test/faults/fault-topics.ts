/** The topics of a run, `__consumer_offsets` among them: every partition begins with a replica at each broker. */

export const offsetsTopic = '__consumer_offsets'

export const faultTopics = [
  { name: 'safe', partitions: 2, minInsyncReplicas: 2 },
  { name: 'thin', partitions: 2, minInsyncReplicas: 1 },
  { name: offsetsTopic, partitions: 2, minInsyncReplicas: 1 },
]
