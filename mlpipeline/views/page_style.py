"""The style sheet of pages: light and dark, on a phone, on a screen and on paper."""

STYLE = """
:root { color-scheme: light dark;
  --paper: #fff; --ink: #1c2024; --soft: #59616b; --rule: #dfe3e8; --box: #f5f6f8;
  --good: #17713a; --bad: #b3261e; --notice: #855600; --edge: #00000038;
  --c1: #0b62a8; --c2: #c2500a; --c3: #00805c; --c4: #a8437f; --c5: #7a6400; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14171b; --ink: #e4e7eb; --soft: #a0a8b2; --rule: #343a42; --box: #1d2126;
  --good: #6ccb8b; --bad: #ff9088; --notice: #e6b450; --edge: #ffffff4d;
  --c1: #62b4f0; --c2: #f08a4b; --c3: #3ec79a; --c4: #e596c3; --c5: #e0c64a; } }
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
body { max-width: 72rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; font-variant-numeric: tabular-nums; }
h1, h2, h3 { line-height: 1.25; margin: 0; overflow-wrap: anywhere; unicode-bidi: isolate; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1rem; margin: 1.75rem 0 .5rem; }
p { margin: .25rem 0; overflow-wrap: anywhere; } small, .soft { color: var(--soft); }
code, pre { font: .875em/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { overflow-wrap: anywhere; unicode-bidi: isolate; }
pre { margin: .5rem 0; padding: .6rem .75rem; overflow-x: auto; border-radius: 4px; }
/* A shadow at each edge beyond which there is more: what moves along with the text covers it where there is none. */
.scroll, pre { --under: var(--paper); background:
    linear-gradient(to right, var(--under) 50%, transparent) left / 2rem 100%,
    linear-gradient(to left, var(--under) 50%, transparent) right / 2rem 100%,
    linear-gradient(to right, var(--edge), transparent) left / .75rem 100%,
    linear-gradient(to left, var(--edge), transparent) right / .75rem 100% var(--under);
  background-repeat: no-repeat; background-attachment: local, local, scroll, scroll; }
pre { --under: var(--box); }
.counts { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .75rem 0 0; padding: 0; list-style: none; }
.counts b { font-size: 1.25rem; } .good { color: var(--good); } .bad { color: var(--bad); }
.notice { color: var(--notice); }
.cause { border-left: 3px solid var(--bad); padding-left: .9rem; margin: 1.25rem 0; }
.cause h3 { margin: 0 0 .25rem; }
.scroll { position: relative; overflow-x: auto; margin: .5rem 0; }
.scroll:focus-visible { outline: 2px solid var(--c1); }
table { border-collapse: collapse; font-size: .9rem; min-width: 100%; }
th, td { text-align: left; padding: .35rem 1rem .35rem 0; border-bottom: 1px solid var(--rule);
  vertical-align: top; unicode-bidi: isolate; }
th { font-weight: 600; } thead th { color: var(--soft); white-space: nowrap; }
tbody th { min-width: 9.5rem; max-width: min(28rem, 66vw); overflow-wrap: break-word; }
td { white-space: nowrap; } td.long { white-space: normal; min-width: 14rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr));
  gap: 1rem 1.5rem; margin: 1rem 0; }
figure { margin: 0; min-width: 0; break-inside: avoid; } figcaption { font-size: .9rem; }
figure svg { display: block; width: 100%; height: auto; }
svg text { font-size: 11px; fill: var(--soft); }
.grid { stroke: var(--rule); } .axis { stroke: var(--soft); }
.line { fill: none; stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
.line.c1 { stroke: var(--c1); } .line.c2 { stroke: var(--c2); stroke-dasharray: 7 3; }
.line.c3 { stroke: var(--c3); stroke-dasharray: 2 3.5; } .line.c4 { stroke: var(--c4); stroke-dasharray: 9 3 2 3; }
.line.c5 { stroke: var(--c5); stroke-dasharray: 4 4; }
circle.c1 { fill: var(--c1); } circle.c2 { fill: var(--c2); } circle.c3 { fill: var(--c3); }
circle.c4 { fill: var(--c4); } circle.c5 { fill: var(--c5); }
.key, figure svg.key { display: inline-block; width: 22px; height: 8px; vertical-align: middle; }
.legend { list-style: none; margin: .25rem 0 0; padding: 0; font-size: .85rem; }
.legend li { display: flex; gap: .5rem; align-items: baseline; }
.legend .key { flex: none; align-self: center; }
.keyed { display: flex; gap: .5rem; } .keyed span { min-width: 0; } .keyed .key { flex: none; margin-top: .45rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.legend .name { overflow-wrap: anywhere; } .legend .end { margin-left: auto; font-weight: 600; }
.bar { display: flex; height: .6rem; min-width: 9rem; border-radius: 2px; overflow: hidden; background: var(--box);
  outline: 1px solid var(--rule); }
.bar .busy { background: var(--c1); } .bar .idle { background: var(--c2); opacity: .55; }
footer { margin-top: 3rem; padding-top: .75rem; border-top: 1px solid var(--rule); color: var(--soft);
  font-size: .85rem; }
@media print { :root { --paper: #fff; --ink: #000; --soft: #444; --rule: #ccc; --box: #f5f5f5;
    --good: #17713a; --bad: #b3261e; --notice: #855600;
    --c1: #0b62a8; --c2: #c2500a; --c3: #00805c; --c4: #a8437f; --c5: #7a6400; }
  html { font-size: 11px; } body { padding: 0; max-width: none; }
  .scroll { overflow: visible; } .scroll, pre { background: var(--under); } pre { white-space: pre-wrap; }
  tr, .cause { break-inside: avoid; } h2, h3 { break-after: avoid; } }
"""
