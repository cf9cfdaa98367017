/** Groups with their states and members. */
import type { Cluster } from './cluster.js'

export interface Member {
  memberId: string
  instanceId: string | null
  host: string
  clientId: string
  partitions: { topic: string; partition: number }[]
}

export interface GroupView {
  id: string
  state: string
  protocol: string
  members: Member[]
}

/** All groups, by name. */
export async function listGroups(cluster: Cluster) {
  const groups = [...(await cluster.admin.listGroups({ types: [] })).values()]
  return groups
    .map((group) => ({ ...group, state: stateName(group.state) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

export async function groupView(cluster: Cluster, id: string): Promise<GroupView> {
  const group = (await cluster.admin.describeGroups({ groups: [id] })).get(id)!
  const members = [...group.members.values()].map((member) => ({
    memberId: member.id,
    instanceId: member.groupInstanceId ?? null,
    host: member.clientHost,
    clientId: member.clientId,
    partitions: [...(member.assignments?.values() ?? [])].flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    ),
  }))
  return {
    id,
    state: stateName(group.state),
    protocol: group.protocol ?? '',
    members: members.sort((a, b) => (a.memberId < b.memberId ? -1 : 1)),
  }
}

/** The library has states in capitals; Kafka prints PreparingRebalance. */
function stateName(state: string): string {
  return (
    ['PreparingRebalance', 'CompletingRebalance', 'Stable', 'Dead', 'Empty', 'Assigning', 'Reconciling'].find(
      (name) => name.toUpperCase() === state.replaceAll('_', ''),
    ) ?? state
  )
}
