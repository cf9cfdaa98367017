/** Kafka's tools take a regular expression of the whole name, or several with commas, where they select by name. */
import { UsageError } from './usage-error.js'

export function namePattern(text: string): RegExp {
  try {
    return new RegExp(`^(?:${text.replaceAll(',', '|')})$`)
  } catch {
    throw new UsageError(`${text} is no regular expression`)
  }
}
