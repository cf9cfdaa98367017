/** Lines of aligned columns under a heading; no blanks at the ends of lines, so that they are stable for scripts. */
export function textTable(
  heading: readonly string[],
  rows: readonly (readonly (string | number | bigint)[])[],
): string {
  const lines = [heading, ...rows.map((row) => row.map(String))]
  const widths = heading.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
