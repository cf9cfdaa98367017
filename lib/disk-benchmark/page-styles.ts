/** How the page looks: the engine in colour, limits in grey, percentiles in shades of one hue. */

export const styles = `
:root {
  color-scheme: light dark;
  --ground: #fcfcfb; --raised: #ffffff; --edge: #e3e2de; --ink: #17170f; --soft: #5c5b55; --grid: #e9e8e4;
  --engine: #1f6fd0; --raw: #7a7973;
  --shade-1: #86b6ef; --shade-2: #4a90e0; --shade-3: #1f62b8; --shade-4: #0f3564;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #161614; --raised: #1e1e1c; --edge: #34342f; --ink: #f3f2ec; --soft: #b1b0a8; --grid: #2c2c29;
    --engine: #58a1f5; --raw: #96958d;
    --shade-1: #2b64a8; --shade-2: #4a8fe0; --shade-3: #86b8f3; --shade-4: #cbe1fb;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 56rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 1rem; text-wrap: balance; }
h2 { font-size: 1.2rem; margin: 2.75rem 0 0.25rem; }
p { margin: 0.25rem 0 0.75rem; max-width: 44rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 0.25rem 1.5rem; margin: 0; }
dl div { display: grid; grid-template-columns: 6.5rem 1fr; font-size: 0.875rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: 0.75rem; margin-top: 1.5rem; }
.tiles div { background: var(--raised); border: 1px solid var(--edge); border-radius: 8px; padding: 0.75rem 1rem; }
.tiles span { display: block; font-size: 0.8125rem; color: var(--soft); }
.tiles strong { display: block; font-size: 1.375rem; line-height: 1.35; font-weight: 600; }
figure { margin: 0.75rem 0 0; background: var(--raised); border: 1px solid var(--edge); border-radius: 8px; padding: 1rem; }
figure > svg { display: block; width: 100%; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; list-style: none; margin: 0 0 0.5rem; padding: 0; font-size: 0.8125rem; }
.legend li { display: flex; align-items: center; gap: 0.5rem; }
text { font: 12.5px system-ui, sans-serif; fill: var(--ink); }
text.tick { fill: var(--soft); font-variant-numeric: tabular-nums; }
text.axis { fill: var(--soft); }
line.grid { stroke: var(--grid); }
line.limit { stroke: var(--raw); stroke-width: 1.5; }
.engine { --own: var(--engine); }
.raw { --own: var(--raw); }
.shade-1 { --own: var(--shade-1); }
.shade-2 { --own: var(--shade-2); }
.shade-3 { --own: var(--shade-3); }
.shade-4 { --own: var(--shade-4); }
.line { fill: none; stroke: var(--own); stroke-width: 2; }
.dashed { stroke-dasharray: 5 4; }
.span { stroke: var(--own); stroke-width: 1.5; opacity: 0.55; }
circle, rect { fill: var(--own); }
circle { stroke: var(--raised); stroke-width: 1.5; }
rect + .span { stroke: var(--ink); opacity: 0.7; }
details { margin: 0.5rem 0; }
summary { cursor: pointer; color: var(--soft); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.8125rem; font-variant-numeric: tabular-nums; margin-top: 0.5rem; }
th, td { text-align: left; padding: 0.25rem 0.9rem 0.25rem 0; border-bottom: 1px solid var(--edge); white-space: nowrap; }
th { color: var(--soft); font-weight: 500; }
small { color: var(--soft); font-size: 0.75rem; }
`
