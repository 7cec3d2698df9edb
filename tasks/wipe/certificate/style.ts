/**
 * Sheets of the height of a page of A4 within its margins: each is one page of a print, whatever stands on it. The texts
 * are limited so that nothing of them lies outside.
 */
export const STYLE = `
@page { size: A4; margin: 12mm; }
:root { color-scheme: light; --quiet: #4a4a4a; --line: #9a9a9a; --passed: #17602f; --failed: #a3121b; --unknown: #7a4a00; }
* { box-sizing: border-box; }
html { background: #e9e9e6; }
body { margin: 0; color: #000; font: 8.2pt/1.28 "Liberation Sans", Arial, Helvetica, sans-serif; overflow-wrap: anywhere; }
.sheet { position: relative; width: 186mm; height: 272mm; overflow: hidden; padding-bottom: 6mm; }
@media screen { .sheet { margin: 8mm auto; padding: 0 0 6mm; background: #fff; outline: 12mm solid #fff; margin-block: 20mm 32mm; } }
@media print { html { background: #fff; } .sheet + .sheet { break-before: page; } }
h1 { margin: 0; font-size: 13pt; }
h2 { margin: 1.7mm 0 .4mm; font-size: 9pt; border-bottom: .3mm solid var(--line); }
p { margin: 0 0 .6mm; }
.verdict { margin: 1mm 0; padding: 1.2mm 2.5mm; border: .6mm solid; font-size: 15pt; font-weight: 700; line-height: 1.15; }
.verdict small { display: block; font-size: 8.5pt; font-weight: 400; color: #000; }
.passed { color: var(--passed); } .failed { color: var(--failed); } .unknown { color: var(--unknown); }
.columns { display: grid; grid-template-columns: 1fr 1fr; column-gap: 6mm; align-items: start; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .2mm 1.5mm .2mm 0; text-align: left; vertical-align: top; font-weight: 400; }
th[scope=row] { width: 29mm; color: var(--quiet); }
.list { table-layout: fixed; }
.list th, .list td { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; border-bottom: .1mm solid var(--line); }
.list thead th { color: var(--quiet); }
.list b { font-weight: 700; }
code, .code { font: 7pt/1.25 "Liberation Mono", "DejaVu Sans Mono", monospace; }
/* So many lines and no more, whatever the width of the letters; what is cut off ends with an ellipsis. */
.l1, .l2, .l3, .l4 { display: -webkit-box; -webkit-box-orient: vertical; overflow: hidden; -webkit-line-clamp: 1; line-clamp: 1; }
.l2 { -webkit-line-clamp: 2; line-clamp: 2; }
.l3 { -webkit-line-clamp: 3; line-clamp: 3; }
.l4 { -webkit-line-clamp: 4; line-clamp: 4; }
.quiet { color: var(--quiet); }
.bottom { position: absolute; left: 0; right: 0; bottom: 5mm; }
.people { display: grid; grid-template-columns: 1fr 1fr; column-gap: 8mm; margin-top: 9mm; }
.people div { border-top: .3mm solid #000; padding-top: .6mm; color: var(--quiet); }
footer { position: absolute; left: 0; right: 0; bottom: 0; display: flex; justify-content: space-between; gap: 4mm;
  font-size: 7pt; color: var(--quiet); white-space: nowrap; }
`
