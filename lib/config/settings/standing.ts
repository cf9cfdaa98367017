/** Gives a group of settings their standing, and the reason that they share. */

import type { Declarations, Standing } from '../setting.js'

export function because(standing: Standing) {
  return (reason: string, settings: Declarations): Declarations =>
    Object.fromEntries(
      Object.entries(settings).map(([name, setting]) => [name, { ...setting, standing, doc: reason }]),
    )
}
