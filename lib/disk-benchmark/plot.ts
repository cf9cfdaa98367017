/** Plots as SVG text: lines over a few named places, and bars against a limit. Colours are classes of the page. */

import { numberText } from './words.js'

export interface Line {
  readonly name: string
  /** Class of its stroke: one of those that the page defines. */
  readonly className: string
  readonly dashed?: boolean
  /** One for each place of the x axis; undefined leaves it out. */
  readonly points: readonly (Point | undefined)[]
}

export interface Point {
  readonly value: number
  /** What the rounds span; no mark where they are missing. */
  readonly min?: number
  readonly max?: number
}

export interface LinePlot {
  readonly label: string
  readonly xTitle: string
  readonly yTitle: string
  readonly places: readonly string[]
  readonly scale: 'linear' | 'log'
  readonly unit: string
  readonly lines: readonly Line[]
}

export interface Bar {
  readonly name: string
  /** Of the limit. */
  readonly percent: number
  readonly min: number
  readonly max: number
  /** Beside the bar. */
  readonly text: string
}

const WIDTH = 760
const HEIGHT = 340
const MARGIN = { left: 88, right: 20, top: 14, bottom: 52 }

export const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!)

const at = (value: number) => value.toFixed(1)

/** Round numbers from nothing, or the powers of ten, that hold all values. */
function ticksOf(values: readonly number[], scale: 'linear' | 'log'): number[] {
  const most = Math.max(...values)
  if (scale === 'log') {
    const least = Math.min(...values)
    // 1, 2, 5 of each power of ten while they are few.
    const steps = most / least > 200 ? [1] : [1, 2, 5]
    const first = Math.floor(Math.log10(least))
    const all = Array.from({ length: Math.ceil(Math.log10(most)) - first + 2 }, (_, index) =>
      steps.map((step) => step * 10 ** (first + index)),
    ).flat()
    const from = all.findLastIndex((tick) => tick <= least)
    const to = all.findIndex((tick) => tick >= most)
    return all.slice(from, Math.max(to, from + 1) + 1)
  }
  const rough = most / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((each) => each >= rough)!
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step)
}

const tickText = (value: number) =>
  value.toLocaleString('en', { maximumSignificantDigits: 4, useGrouping: true })

export function linePlot(plot: LinePlot): string {
  const values = plot.lines.flatMap(({ points }) =>
    points.flatMap((point) =>
      point ? [point.value, point.min ?? point.value, point.max ?? point.value] : [],
    ),
  )
  const ticks = ticksOf(values, plot.scale)
  const project = plot.scale === 'log' ? Math.log10 : (value: number) => value
  const low = project(ticks[0]!)
  const high = project(ticks.at(-1)!)
  const bottom = HEIGHT - MARGIN.bottom
  const y = (value: number) => bottom - ((project(value) - low) / (high - low)) * (bottom - MARGIN.top)
  const width = WIDTH - MARGIN.left - MARGIN.right
  const x = (place: number) => MARGIN.left + (width * (place + 0.5)) / plot.places.length
  const grid = ticks.map(
    (tick) =>
      `<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${at(y(tick))}" y2="${at(y(tick))}"/>` +
      `<text class="tick" x="${MARGIN.left - 8}" y="${at(y(tick) + 4)}" text-anchor="end">${tickText(tick)}</text>`,
  )
  const places = plot.places.map(
    (name, place) =>
      `<text class="tick" x="${at(x(place))}" y="${bottom + 20}" text-anchor="middle">${escaped(name)}</text>`,
  )
  const middle = (MARGIN.top + bottom) / 2
  const titles =
    `<text class="axis" x="${MARGIN.left + width / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escaped(plot.xTitle)}</text>` +
    `<text class="axis" transform="translate(14 ${middle}) rotate(-90)" text-anchor="middle">${escaped(plot.yTitle)}</text>`
  // Lines side by side at one place, so that their spans do not cover each other.
  const shift = (index: number) => (index - (plot.lines.length - 1) / 2) * 5
  const lines = plot.lines.map((line, index) => lineText(line, plot, (place) => x(place) + shift(index), y))
  return (
    `<figure>${legend(plot.lines)}` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(plot.label)}">` +
    `${grid.join('')}${places.join('')}${titles}${lines.join('')}</svg></figure>`
  )
}

function lineText(
  { name, className, dashed, points }: Line,
  { places, unit }: LinePlot,
  x: (place: number) => number,
  y: (value: number) => number,
): string {
  const there = points.flatMap((point, place) => (point ? [{ point, place }] : []))
  const path = there.map(({ point, place }) => `${at(x(place))},${at(y(point.value))}`).join(' ')
  const marks = there.map(({ point: { value, min, max }, place }) => {
    const span =
      min === undefined || max === undefined || min === max
        ? ''
        : `<line class="span" x1="${at(x(place))}" x2="${at(x(place))}" y1="${at(y(min))}" y2="${at(y(max))}"/>`
    const told = `${name}, ${places[place]}: ${numberText(value)} ${unit}`
    const range = span === '' ? '' : ` (${numberText(min!)}–${numberText(max!)})`
    return (
      `<g>${span}<circle cx="${at(x(place))}" cy="${at(y(value))}" r="4"/>` +
      `<title>${escaped(told + range)}</title></g>`
    )
  })
  return (
    `<g class="${className}"><polyline class="line${dashed ? ' dashed' : ''}" points="${path}"/>` +
    `${marks.join('')}</g>`
  )
}

function legend(lines: readonly Line[]): string {
  const entries = lines.map(
    ({ name, className, dashed }) =>
      `<li><svg width="30" height="10" aria-hidden="true" class="${className}">` +
      `<line class="line${dashed ? ' dashed' : ''}" x1="1" x2="29" y1="5" y2="5"/></svg>${escaped(name)}</li>`,
  )
  return `<ul class="legend">${entries.join('')}</ul>`
}

const ROW = 34
const NAME_WIDTH = 210
const TEXT_WIDTH = 220

/** Bars from 0 to 100 % of the limit; one that passes it goes on to the edge. */
export function barPlot(label: string, xTitle: string, bars: readonly Bar[]): string {
  const height = bars.length * ROW + 46
  const width = WIDTH - NAME_WIDTH - TEXT_WIDTH
  const most = Math.max(
    100,
    Math.min(150, Math.ceil(Math.max(...bars.map(({ percent }) => percent)) / 25) * 25),
  )
  const x = (percent: number) => NAME_WIDTH + (Math.min(percent, most) / most) * width
  const bottom = bars.length * ROW + 4
  const ticks = Array.from({ length: most / 25 + 1 }, (_, index) => index * 25)
  const grid = ticks.map(
    (tick) =>
      `<line class="${tick === 100 ? 'limit' : 'grid'}" x1="${at(x(tick))}" x2="${at(x(tick))}" y1="0" y2="${bottom}"/>` +
      `<text class="tick" x="${at(x(tick))}" y="${bottom + 16}" text-anchor="middle">${tick} %</text>`,
  )
  const rows = bars.map(({ name, percent, min, max, text }, index) => {
    const top = index * ROW + 8
    const middle = top + 10
    const span =
      min === max
        ? ''
        : `<line class="span" x1="${at(x(min))}" x2="${at(x(max))}" y1="${middle}" y2="${middle}"/>`
    return (
      `<text class="name" x="${NAME_WIDTH - 10}" y="${middle + 4}" text-anchor="end">${escaped(name)}</text>` +
      `<g class="engine"><rect x="${NAME_WIDTH}" y="${top}" width="${at(Math.max(1, x(percent) - NAME_WIDTH))}" height="20" rx="3"/>` +
      `${span}<title>${escaped(`${name}: ${numberText(percent)} % of the limit, ${text}`)}</title></g>` +
      `<text class="tick" x="${WIDTH - TEXT_WIDTH + 12}" y="${middle + 4}">${escaped(text)}</text>`
    )
  })
  return (
    `<figure><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(label)}">` +
    `${grid.join('')}${rows.join('')}` +
    `<text class="axis" x="${NAME_WIDTH + width / 2}" y="${height - 6}" text-anchor="middle">${escaped(xTitle)}</text>` +
    `</svg></figure>`
  )
}
