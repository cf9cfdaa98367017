/** Settings of the metadata store that several brokers share. All of them are this project's own. */

import { type Declarations, int, list, password, string } from '../setting.js'

export const etcdSettings = {
  'etcd.endpoints': list([], {
    range: 'host:port,host:port,...',
    doc: 'The etcd where the brokers of one cluster keep its metadata. Empty: this broker runs alone and keeps its own.',
  }),
  'etcd.prefix': string('odradek/', {
    doc: 'Stands before every key in etcd. Clusters that share an etcd need different ones.',
  }),
  'etcd.username': string(null, { doc: 'The user of etcd, where it asks for one.' }),
  'etcd.password': password({ doc: 'The password of etcd.username.' }),
  'etcd.tls.ca.file': string(null, {
    doc: 'PEM file with the authorities that etcd’s certificate is checked against. With any etcd.tls file the connections are encrypted.',
  }),
  'etcd.tls.cert.file': string(null, {
    doc: 'PEM file with the certificate that this broker shows to etcd; needs etcd.tls.key.file.',
  }),
  'etcd.tls.key.file': string(null, { doc: 'PEM file with the key of etcd.tls.cert.file.' }),
  'etcd.request.timeout.ms': int(5_000, {
    min: 100,
    doc: 'How long a request to etcd may take in all, at whichever endpoints it is tried.',
  }),
  'etcd.lease.ttl.ms': int(4_000, {
    min: 2_000,
    doc: 'A broker that has not been heard of by etcd for so long is fenced, and others lead its partitions. Whole seconds count, rounded up. A broker whose process ends is noticed at once.',
  }),
} satisfies Declarations
