/** The page docs/metrics.md, from the declarations. */
import { metrics } from './index.js'

export function metricsDocument(): string {
  const rows = metrics.map(
    ({ name, kind, labels, help }) =>
      `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
  )
  return `# Metrics
With \`metrics.listener=127.0.0.1:9404\` a broker serves its metrics at \`http://127.0.0.1:9404/metrics\` in Prometheus' text format; without that setting there are none. Names are those that Prometheus users know from Kafka's JMX metrics. Beside these there are the process's own, as prom-client names them: CPU, memory, descriptors, garbage collection, delay of the event loop (\`process_\` and \`nodejs_\`). The page is generated from the declarations by \`node scripts/metrics-document.js\`.

| metric | kind | labels | what |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}
