/** For a screen of any width, light or dark, and for A4. */
export const STYLE = `
:root { --text: #1a1a1a; --quiet: #5c5c5c; --line: #c9c9c9; --paper: #fff; --shade: #f3f3f1;
  --passed: #176b34; --failed: #b3141d; --unknown: #8a5300; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8e8e6; --quiet: #a5a5a2; --line: #4a4a48; --paper: #171716; --shade: #242422;
    --passed: #67cf8b; --failed: #ff8a85; --unknown: #f0b65a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem; color: var(--text); background: var(--paper);
  font: 15px/1.45 system-ui, "Liberation Sans", Arial, sans-serif; overflow-wrap: anywhere; }
h1, h2, h3, p { margin: 0 0 .5rem; }
h1 { font-size: 2.6rem; line-height: 1.1; }
h2 { font-size: 1.35rem; margin-top: 2rem; border-bottom: 2px solid var(--line); padding-bottom: .25rem; }
h3 { font-size: 1rem; margin-top: 1.2rem; }
header { border-bottom: 4px solid currentColor; padding-bottom: .5rem; }
.host { font-size: 1.15rem; }
.verdict { display: inline-flex; align-items: center; gap: .35em; font-weight: 700; white-space: nowrap; }
.verdict svg { width: 1em; height: 1em; flex: none; fill: none; stroke: currentColor; stroke-width: 3;
  stroke-linecap: round; stroke-linejoin: round; }
.passed { color: var(--passed); }
.failed { color: var(--failed); }
.unknown { color: var(--unknown); }
h2 .verdict { font-size: .85em; margin-left: .5em; vertical-align: -.1em; }
.reason { white-space: pre-line; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; font-weight: inherit; }
thead th { color: var(--quiet); border-bottom: 1px solid var(--line); }
.steps > tbody { border-bottom: 1px solid var(--line); }
.steps .time { white-space: nowrap; text-align: right; padding-right: 0; }
.more > td { padding-top: 0; color: var(--quiet); }
.more p { margin: 0 0 .2rem; }
.facts th, .job th[scope] { width: 12rem; color: var(--quiet); }
.facts td, .facts th { padding-bottom: .1rem; }
.job .default { color: var(--quiet); }
.text { white-space: pre-wrap; }
pre, code { font: .82rem/1.4 "Liberation Mono", "DejaVu Sans Mono", Consolas, monospace; }
pre { margin: 0; padding: .6rem; background: var(--shade); overflow-x: auto; overflow-wrap: normal; }
summary { cursor: pointer; color: var(--quiet); }
.folded { display: none; margin: .3rem 0 .6rem; padding-left: .8rem; border-left: 3px solid var(--line); color: var(--text); }
details[open] + .folded { display: block; }
footer { margin-top: 2rem; color: var(--quiet); font-size: .85rem; }
@media (max-width: 40rem) {
  .facts th, .job th[scope] { width: 7rem; }
  .steps thead { display: none; }
  .steps > tbody > tr { display: block; padding: .3rem 0; }
  .steps > tbody > tr > td, .steps td.time { display: block; text-align: left; padding: 0; }
}
@media print {
  :root { --text: #000; --quiet: #444; --line: #999; --paper: #fff; --shade: #fff;
    --passed: #176b34; --failed: #b3141d; --unknown: #8a5300; }
  @page { size: A4; margin: 14mm 12mm 16mm; @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; } }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  h1 { font-size: 26pt; }
  h2, h3, thead, summary { break-after: avoid; }
  .task ~ .task { break-before: page; }
  .steps > tbody > tr:first-child, .job tr { break-inside: avoid; }
  .steps > tbody > tr:first-child { break-after: avoid; }
  .folded { display: block; }
  .folded td, .folded th, .folded pre, .folded code { font-size: 7.5pt; line-height: 1.25; }
  pre { font-size: 7.4pt; white-space: pre-wrap; overflow-wrap: anywhere; padding: 0; }
  summary { list-style: none; font-weight: 600; }
  summary::-webkit-details-marker { display: none; }
}
`
