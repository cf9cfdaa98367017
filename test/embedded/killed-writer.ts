/** Appends to many logs of a directory until it is killed. argv: folder, number of logs. Prints what is on disk. */
import { LogDirectory } from '../../lib/embedded/index.js'

const [folder, count] = process.argv.slice(2)
const directory = await LogDirectory.open(folder!, { maxOpenLogs: 64, maintenanceIntervalMs: 50 })
for (let round = 0; ; round++) {
  const appends = Array.from({ length: Number(count) }, async (_, i) => {
    const name = `log-${i}`
    const { baseOffset } = await directory.log(name).append({ key: name, value: `${name} ${round}` })
    process.stdout.write(`${i} ${baseOffset}\n`)
  })
  await Promise.all(appends)
}
