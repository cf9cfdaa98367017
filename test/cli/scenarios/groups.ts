import { failure, jsonLines, Odradek } from '../../support/odradek-program.js'
import type { Scenario } from '../../support/suite.js'
import { uniqueName } from '../../support/target.js'

interface Standing {
  topic: string
  partition: number
  currentOffset: number | null
  logEndOffset: number
  lag: number | null
  memberId: string | null
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => String(from + i))
const keyed = (values: readonly string[]) => values.map((value) => `${value}:${value}\n`).join('')

export const groupScenarios: Scenario[] = [
  {
    name: 'groups: a member commits what it printed, and the next resumes there',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const [topic, group] = [uniqueName('cli-resume'), uniqueName('cli-resume')]
      await cli.run(`topics create ${topic}`)
      await cli.run(`produce ${topic}`, 'a\nb\nc\nd\n')
      t.is(await cli.run(`consume ${topic} --group ${group} --from-beginning --max-messages 3`), 'a\nb\nc\n')
      const [standing] = jsonLines<Standing>(await cli.run(`groups describe ${group} --json`))
      t.like(standing, { topic, partition: 0, currentOffset: 3, logEndOffset: 4, lag: 1, memberId: null })
      t.regex(
        await cli.run(`groups describe ${group}`),
        /^GROUP +TOPIC +PARTITION +CURRENT-OFFSET +LOG-END-OFFSET +LAG +CONSUMER-ID +HOST +CLIENT-ID\n\S+ +\S+ +0 +3 +4 +1 +- +- +-\n$/,
      )
      t.is(await cli.run(`consume ${topic} --group ${group} --max-messages 1`), 'd\n')
    },
  },
  {
    name: 'groups: members share partitions; one that leaves hands its own over',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const [topic, group] = [uniqueName('cli-share'), uniqueName('cli-share')]
      await cli.run(`topics create ${topic} -p 4`)
      const member = () =>
        cli.start(
          `consume ${topic} -g ${group} --from-beginning --consumer-property heartbeat.interval.ms=200`,
        )
      const held = async () =>
        jsonLines<{ partitions: unknown[] }>(await cli.run(`groups describe ${group} --members --json`))
          .map(({ partitions }) => partitions.length)
          .sort()
          .join()
      const until = async (wanted: string) => {
        const giveUpAt = Date.now() + 180_000
        while ((await held().catch(() => '')) !== wanted)
          t.true(Date.now() < giveUpAt, `members hold ${wanted}`)
      }
      const first = member()
      await until('4')
      const second = member()
      await until('2,2')
      await cli.run(`produce ${topic} --parse-key --key-separator :`, keyed(numbers(0, 100)))
      const all = () => [...first.lines, ...second.lines]
      await Promise.race(
        [first, second].map((program) => program.until('100 records', () => all().length >= 100)),
      )
      t.true(first.lines.length > 0 && second.lines.length > 0)
      t.deepEqual(all().sort(), numbers(0, 100).sort())
      t.regex(await cli.run(`groups describe ${group} --state`), / Stable +2\n$/)
      t.regex(failure(await cli.try(`groups delete ${group}`)), /NON_EMPTY_GROUP/)
      t.regex(
        failure(await cli.try(`groups reset-offsets ${group} -t ${topic} --to-earliest --execute`)),
        /while the group has no members, and \S+ is Stable$/,
      )

      t.is((await first.stop('SIGTERM')).code, 0)
      await until('4')
      await second.stop('SIGTERM')
      const standings = jsonLines<Standing>(await cli.run(`groups describe ${group} --json`))
      t.is(standings.length, 4)
      t.true(standings.every(({ lag }) => lag === 0))
    },
  },
  {
    name: 'groups: reset-offsets shows, and moves with --execute',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const [topic, group] = [uniqueName('cli-reset'), uniqueName('cli-reset')]
      await cli.run(`topics create ${topic} -p 2`)
      await cli.run(`produce ${topic} -p 0`, 'a\nb\nc\nd\n')
      await cli.run(`produce ${topic} -p 1`, 'e\n')
      await cli.run(`consume ${topic} -g ${group} --from-beginning -n 5`)
      const reset = async (args: string) =>
        jsonLines<{ newOffset: number }>(await cli.run(`groups reset-offsets ${group} ${args} --json`)).map(
          ({ newOffset }) => newOffset,
        )
      const standing = async () =>
        jsonLines<Standing>(await cli.run(`groups describe ${group} --json`)).map(
          ({ currentOffset }) => currentOffset,
        )
      t.deepEqual(await standing(), [4, 1])
      t.deepEqual(await reset(`-t ${topic} --to-earliest --dry-run`), [0, 0])
      t.deepEqual(await reset(`-t ${topic} --to-earliest`), [0, 0])
      t.deepEqual(await standing(), [4, 1])
      t.deepEqual(await reset(`-t ${topic} --shift-by -2 --execute`), [2, 0])
      t.deepEqual(await standing(), [2, 0])
      t.deepEqual(await reset('--all-topics --to-latest --execute'), [4, 1])
      t.deepEqual(await reset(`-t ${topic}:0 --to-offset 3 --execute`), [3])
      t.deepEqual(await reset(`-t ${topic}:0 --to-offset 99`), [4])
      t.deepEqual(await reset(`-t ${topic} --to-current`), [3, 1])
      t.deepEqual(await reset(`-t ${topic} --to-datetime 2001-01-01T00:00:00.000`), [0, 0])
      t.deepEqual(await reset(`-t ${topic} --to-datetime 2999-01-01T00:00:00.000`), [4, 1])
      t.regex(
        await cli.run(`groups --reset-offsets --group ${group} --topic ${topic}:1 --to-earliest --execute`),
        /^GROUP +TOPIC +PARTITION +NEW-OFFSET\ncli-reset-\w+ +cli-reset-\w+ +1 +0\n$/,
      )
      t.deepEqual(await standing(), [3, 0])
      t.deepEqual((await cli.run(`consume ${topic} -g ${group} -n 2`)).split('\n').sort(), ['', 'd', 'e'])
    },
  },
  {
    name: 'groups: a group that is not there can be given its first offsets',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const [topic, group] = [uniqueName('cli-new'), uniqueName('cli-new')]
      await cli.run(`topics create ${topic}`)
      await cli.run(`produce ${topic}`, 'a\nb\n')
      await cli.run(`groups reset-offsets ${group} -t ${topic} --to-offset 1 --execute`)
      t.is(await cli.run(`consume ${topic} -g ${group} -n 1`), 'b\n')
    },
  },
  {
    name: 'groups: list and delete; offsets of one topic go alone',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const [topic, other, group] = [uniqueName('cli-list'), uniqueName('cli-other'), uniqueName('cli-list')]
      for (const name of [topic, other]) {
        await cli.run(`topics create ${name}`)
        await cli.run(`produce ${name}`, 'a\n')
        await cli.run(`consume ${name} -g ${group} --from-beginning -n 1`)
      }
      t.true((await cli.run('groups list')).split('\n').includes(group))
      t.regex(await cli.run('groups list --state'), new RegExp(`^${group} +Empty$`, 'm'))
      const topics = async () =>
        jsonLines<Standing>(await cli.run(`groups describe ${group} --json`)).map((row) => row.topic)
      t.is((await topics()).length, 2)
      await cli.run(`groups delete-offsets ${group} -t ${other}`)
      t.deepEqual(await topics(), [topic])
      t.is(await cli.run(`groups delete ${group}`), `Deleted group ${group}.\n`)
      t.false((await cli.run('groups list')).split('\n').includes(group))
      t.is(failure(await cli.try(`groups delete ${group}`)), `odradek groups: there is no group ${group}`)
      t.is(failure(await cli.try(`groups describe ${group}`)), `odradek groups: there is no group ${group}`)
    },
  },
]
