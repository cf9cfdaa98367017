import { failure, jsonLines, Odradek } from '../../support/odradek-program.js'
import type { Scenario } from '../../support/suite.js'
import { uniqueName } from '../../support/target.js'

interface Configs {
  entityType: string
  name: string
  configs: Record<string, { value: string; source: string }>
}

export const configsScenarios: Scenario[] = [
  {
    name: 'configs: settings of a topic are set, shown and taken back',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const topic = uniqueName('cli-configs')
      await cli.run(`topics create ${topic}`)
      const own = async () =>
        jsonLines<Configs>(await cli.run(`configs describe --topic ${topic} --json`))[0]!.configs
      t.deepEqual(await own(), {})
      await cli.run(
        `configs alter -t ${topic} --add-config retention.ms=1000,cleanup.policy=[compact,delete]`,
      )
      t.like((await own())['retention.ms'], { value: '1000', source: 'DYNAMIC_TOPIC_CONFIG' })
      t.like((await own())['cleanup.policy'], { value: 'compact,delete' })
      t.regex(
        await cli.run(`configs --describe --entity-type topics --entity-name ${topic}`),
        /^Dynamic configs for topic \S+ are:\n {2}cleanup\.policy=compact,delete sensitive=false synonyms=\{.*\}\n {2}retention\.ms=1000 /,
      )
      t.regex(await cli.run(`configs describe -t ${topic} --all`), /\n {2}segment\.bytes=1073741824 /)
      await cli.run(
        `configs --alter --entity-type topics --entity-name ${topic} --delete-config retention.ms,cleanup.policy`,
      )
      t.deepEqual(await own(), {})
    },
  },
  {
    name: 'configs: settings of one broker and of all',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const [described] = jsonLines<Configs>(
        await cli.run('configs describe --entity-type brokers --all --json'),
      )
      const id = described!.name
      t.is(described!.entityType, 'broker')
      await cli.run('configs alter --broker-defaults --add-config log.retention.ms=111111')
      t.regex(await cli.run('configs describe --broker-defaults'), /log\.retention\.ms=111111/)
      await cli.run(`configs alter --broker ${id} --add-config log.retention.ms=222222`)
      t.regex(await cli.run(`configs describe --broker ${id}`), /log\.retention\.ms=222222/)
      await cli.run(`configs alter --broker ${id} --delete-config log.retention.ms`)
      await cli.run('configs --alter --entity-type brokers --entity-default --delete-config log.retention.ms')
      t.notRegex(await cli.run('configs describe --broker-defaults'), /log\.retention\.ms/)
    },
  },
  {
    name: 'configs: what fails says why in one line',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const topic = uniqueName('cli-wrong')
      await cli.run(`topics create ${topic}`)
      t.regex(
        failure(await cli.try(`configs alter -t ${topic} --add-config retention.ms=soon`)),
        /INVALID_CONFIG/,
      )
      t.regex(
        failure(await cli.try(`configs alter -t ${topic} --add-config no.such=1`)),
        /no\.such.*INVALID_CONFIG/,
      )
      t.regex(
        failure(await cli.try(`configs alter -t ${topic} --delete-config retention.ms`)),
        /is not set for topic/,
      )
      t.is(failure(await cli.try('configs describe -t none')), 'odradek configs: there is no topic none')
      t.is(failure(await cli.try('configs describe --broker 99')), 'odradek configs: there is no broker 99')
    },
  },
]
