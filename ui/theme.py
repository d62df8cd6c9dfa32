"""The look: one theme, light and dark, from fonts that are on the machine."""

import gradio as gr

THEME = gr.themes.Default(
    primary_hue=gr.themes.colors.indigo,
    neutral_hue=gr.themes.colors.slate,
    font=["Inter", "ui-sans-serif", "system-ui", "sans-serif"],
    font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
    radius_size=gr.themes.sizes.radius_md,
).set(
    # White cards on the faintest grey; in the dark the same order of three.
    body_background_fill="*neutral_50",
    body_background_fill_dark="*neutral_950",
    background_fill_primary_dark="*neutral_900",
    background_fill_secondary="*neutral_100",
    background_fill_secondary_dark="*neutral_800",
    block_background_fill_dark="*neutral_900",
    border_color_primary_dark="*neutral_700",
    input_background_fill_dark="*neutral_950",
    checkbox_label_background_fill_dark="*neutral_950",
    # Quiet letters too have a contrast of 4.5 or more, on each of the three.
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_400",
    block_title_text_color="*neutral_700",
    block_title_text_weight="500",
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_400",
    input_border_color="*neutral_300",
    input_border_color_dark="*neutral_600",
    color_accent="*primary_600",
    # One filled button a place says what comes next; all others are outlines.
    button_border_width="1px",
    button_large_text_weight="550",
    button_large_padding="*spacing_md *spacing_xl",
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
    button_primary_border_color="*primary_600",
    button_primary_border_color_dark="*primary_600",
    button_secondary_background_fill="*background_fill_primary",
    button_secondary_background_fill_dark="*background_fill_primary",
    button_secondary_background_fill_hover="*background_fill_secondary",
    button_secondary_background_fill_hover_dark="*background_fill_secondary",
    button_secondary_border_color="*neutral_300",
    button_secondary_border_color_dark="*neutral_600",
    button_secondary_text_color="*body_text_color",
    button_secondary_text_color_dark="*body_text_color",
    button_cancel_background_fill="*background_fill_primary",
    button_cancel_background_fill_dark="*background_fill_primary",
    button_cancel_background_fill_hover="*background_fill_secondary",
    button_cancel_background_fill_hover_dark="*background_fill_secondary",
    button_cancel_border_color=gr.themes.colors.red.c300,
    button_cancel_border_color_dark=gr.themes.colors.red.c700,
    button_cancel_text_color=gr.themes.colors.red.c700,
    button_cancel_text_color_dark=gr.themes.colors.red.c300,
    button_cancel_text_color_hover=gr.themes.colors.red.c800,
    button_cancel_text_color_hover_dark=gr.themes.colors.red.c200,
)

CSS = """
/* Lines of text begin where the boxes do, and stand near them. */
.gradio-container .html-container {padding: 0 !important}
:root {--accent: #4f46e5} .dark {--accent: #a5b4fc; --color-accent: #a5b4fc}
/* Whoever walks the page with the keyboard sees where they are. */
.gradio-container :is(button, a, summary, select, [tabindex], input:is([type=checkbox], [type=radio],
  [type=range])):focus-visible {outline: 2px solid var(--accent) !important; outline-offset: 2px}
.gradio-container .wrap:has(> .wrap-inner input:focus-visible) {outline: 2px solid var(--accent); outline-offset: 1px}
.gradio-container button:is(.lg, .md, .sm):disabled {background: var(--background-fill-secondary); opacity: .7; filter: none;
  border-color: var(--border-color-primary); color: var(--body-text-color-subdued)}
@media (prefers-reduced-motion: reduce) {* {transition: none !important; animation: none !important}}
input[role=listbox], .wrap-inner input {text-overflow: ellipsis; padding-right: 1.6rem}
.gradio-container {max-width: 1240px !important; width: 100% !important; margin: 0 auto !important}
.job-view.stale {opacity: .45}
.studio-title h1 {font-size: 1.45rem; font-weight: 650; letter-spacing: -.01em; margin: .3rem 0 .1rem}
.studio-title p {color: var(--body-text-color-subdued); margin: 0 0 .2rem}
.hint {color: var(--body-text-color-subdued); font-size: .92rem; line-height: 1.5}
.hint b {color: var(--body-text-color)}
.problem {border-left: 3px solid #dc2626; padding: .5rem .8rem; background: color-mix(in srgb, #dc2626 9%, transparent);
  border-radius: 4px; color: var(--body-text-color)}
.card {border: 1px solid var(--border-color-primary); border-radius: var(--radius-md); padding: .8rem 1rem;
  background: var(--background-fill-primary); color: var(--body-text-color)}
.card h3 {font-size: 1rem; margin: 0 0 .3rem; font-weight: 620}
.card ol, .card ul {padding-left: 1.5rem; margin: .3rem 0}
.card p {margin: .25rem 0; line-height: 1.5}
.card code, .facts code {font-size: .86rem; background: var(--background-fill-secondary); padding: .1rem .3rem;
  border-radius: 4px}
.plan {display: flex; flex-wrap: wrap; gap: .4rem .6rem; align-items: center}
.plan span {padding: .2rem .65rem; border-radius: 999px; background: var(--background-fill-secondary);
  border: 1px solid var(--border-color-primary); font-size: .92rem}
.plan i {color: var(--body-text-color-subdued); font-style: normal}
table.facts {border-collapse: collapse; width: 100%; font-size: .92rem; color: var(--body-text-color)}
table.facts, table.facts tr, table.facts th, table.facts td {border: none !important}
table.facts th, table.facts td {text-align: left; padding: .38rem .7rem;
  border-bottom: 1px solid var(--border-color-primary) !important;
  vertical-align: top}
table.facts th {font-weight: 600; color: var(--body-text-color-subdued); font-size: .84rem; white-space: nowrap}
table.facts td.number, table.facts th.number {text-align: right; font-variant-numeric: tabular-nums}
table.facts tr.main td {font-weight: 620}
.scroll {overflow-x: auto} td.pair {min-width: 250px} td.off {white-space: nowrap}
@media (max-width: 900px) {td.pair {min-width: 180px} td.off {white-space: normal}
  table.facts :is(th, td) {padding: .38rem .45rem} table.facts th {white-space: normal}}
.rise {color: #15803d} .fall {color: #b91c1c} .dark .rise {color: #4ade80} .dark .fall {color: #f87171}
.origin {font-size: .8rem; color: var(--body-text-color-subdued)} .origin.yours {color: var(--accent); font-weight: 600}
.tiles {display: grid; grid-template-columns: repeat(auto-fit, minmax(136px, 1fr)); gap: .6rem; margin-bottom: .6rem}
.tile {border: 1px solid var(--border-color-primary); border-radius: var(--radius-md); padding: .5rem .75rem;
  background: var(--background-fill-primary)}
.tile small {display: block; color: var(--body-text-color-subdued); font-size: .78rem}
.tile b {font-size: 1.05rem; font-weight: 620; font-variant-numeric: tabular-nums; color: var(--body-text-color)}
.charts {display: grid; grid-template-columns: 1fr 1fr; gap: .6rem}
.chart {border: 1px solid var(--border-color-primary); border-radius: var(--radius-md); padding: .4rem .3rem 0;
  background: var(--background-fill-primary); min-width: 0}
.chart h4 {margin: .1rem .7rem 0; font-size: .9rem; font-weight: 600; color: var(--body-text-color)}
.chart.small .plot {height: 150px} .chart .plot {height: 280px}
.chart.small {display: flex; flex-direction: column} .chart.small .plot {margin-top: auto} .differences {margin-top: .6rem}
.chart[hidden], .charts[hidden] {display: none}
.chart p {margin: .1rem .7rem .2rem; font-size: .8rem; line-height: 1.4; color: var(--body-text-color-subdued)}
.charts + .charts {margin-top: .6rem} .charts.quarters {grid-template-columns: repeat(auto-fit, minmax(220px, 1fr))}
.charts.quarters .plot {height: 120px}
@media (max-width: 1000px) {.charts.quarters {grid-template-columns: 1fr 1fr}}
.chart:has(> [data-plot=histogram]) {grid-column: 1 / -1} [data-plot=histogram] {height: 210px !important}
@media (max-width: 700px) {.charts {grid-template-columns: 1fr}}
.controls {display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; align-items: center; margin: 0 0 .6rem; font-size: .88rem;
  color: var(--body-text-color)}
.controls label {display: inline-flex; gap: .45rem; align-items: center}
.controls input {accent-color: #6366f1} .controls input[type=range] {width: 130px}
.controls output {min-width: 2.2rem; font-variant-numeric: tabular-nums; color: var(--body-text-color-subdued)}
.controls select {font: inherit; padding: .1rem 1.6rem .1rem .5rem; border-radius: 6px;
  border: 1px solid var(--border-color-primary); background-color: var(--input-background-fill); color: var(--body-text-color)}
details.space {margin-top: .8rem} .of-which {font-size: .84rem; margin: 0 0 .5rem; color: var(--body-text-color-subdued)}
details.space > summary {font-weight: 600; margin-bottom: .4rem}
.phase {font-size: .84rem; color: var(--body-text-color-subdued); font-variant-numeric: tabular-nums}
.phase:not(:empty) {margin-bottom: .5rem}
.swatch {display: inline-block; width: .8rem; height: .8rem; border-radius: 3px; margin-right: .45rem; vertical-align: -.08rem}
.says {min-height: 1.5rem; margin: .2rem 0 .6rem; color: var(--body-text-color)}
.bar {height: 6px; border-radius: 3px; background: var(--background-fill-secondary); overflow: hidden; margin: .35rem 0}
.bar div {height: 100%; background: #6366f1; width: 0; transition: width .3s}
details.log {margin-top: .7rem} details.log summary {cursor: pointer; color: var(--body-text-color-subdued)}
details.log pre {max-height: 220px; overflow: auto; font-size: .8rem; line-height: 1.5; padding: .6rem .8rem;
  background: var(--background-fill-secondary); color: var(--body-text-color); border-radius: 6px; white-space: pre-wrap}
.about p {margin: .2rem 0; line-height: 1.5} .about .facts-line {color: var(--body-text-color-subdued); font-size: .88rem}
.summary {margin: .3rem 0; line-height: 1.5}
ul.notes {margin: .2rem 0 .4rem 1.1rem; color: var(--body-text-color-subdued); font-size: .9rem}
ul.notes li {list-style: disc}
.working[hidden] {display: none}
:is(#fetching, #fetching-model, #negatives-view, #tried-view, #looked-view, #raced-view, #fitting-view, #pairs-view, #index-view,
  #benchmark-view, #speed-view, #bytes-view, #compare-view):has(
  .working[hidden]):has(.job-view:empty) {display: none}
:is(#stages, #loss-card, #queue, #scores-view):has(.drawn:empty) {display: none}
#queue .card {padding: .55rem .9rem} #queue .card h3 {font-size: .95rem} #queue .rows {max-height: 220px; overflow: auto}
#queue td.moves {white-space: nowrap; text-align: right} #queue tr.shown td {font-weight: 620}
#queue button.small {min-width: 1.9rem}
#other-losses:not(:has(details)) {display: none}
.beside {display: grid; grid-template-columns: minmax(0, 1.7fr) minmax(300px, 1fr); gap: 1rem; align-items: start}
.beside figure {margin: 0; min-width: 0} .beside figcaption {font-size: .87rem; line-height: 1.45;
  color: var(--body-text-color-subdued)}
@media (max-width: 900px) {.beside {grid-template-columns: 1fr}}
.drawn > * + * {margin-top: .7rem} .drawn .rows {max-height: 340px; overflow: auto}
ol.stages {display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: .6rem; list-style: none; padding: 0;
  margin: 0}
ol.stages li {border: 1px solid var(--border-color-primary); border-top: 3px solid #cbd5e1; border-radius: var(--radius-md);
  padding: .5rem .75rem; color: var(--body-text-color)}
ol.stages li small {display: block; color: var(--body-text-color-subdued); margin-top: .15rem}
ol.stages li b {font-weight: 600; font-size: .92rem}
ol.stages li:is(.done) {border-top-color: #0d9488}
ol.stages li:is(.loading, .baseline, .training, .evaluating, .saving) {border-top-color: #6366f1}
ol.stages li:is(.failed, .interrupted) {border-top-color: #dc2626}
.job-view > * + * {margin-top: .7rem}
.job-view .card .rows {max-height: 420px; overflow: auto}
button.small {font-size: .82rem; padding: .15rem .7rem; border-radius: 999px;
  border: 1px solid var(--border-color-primary); background: var(--background-fill-secondary); color: var(--body-text-color);
  cursor: pointer; white-space: nowrap}
button.small:is(:hover, :focus-visible):enabled {border-color: var(--accent); color: var(--accent)}
button.small:disabled {opacity: .5; cursor: default}
.chip {display: inline-flex; gap: .5rem; align-items: center; font-size: .88rem; margin: .1rem .5rem .1rem 0}
.checking {font-size: .8rem; font-weight: 500; color: #b45309; margin-left: .5rem} .dark .checking {color: #fbbf24}
.chosen {font-size: .82rem; color: var(--body-text-color-subdued)}
.warning {border-left: 3px solid #d97706; padding: .5rem .8rem; border-radius: 4px; color: var(--body-text-color);
  background: color-mix(in srgb, #d97706 9%, transparent)}
.working {display: grid; grid-template-columns: auto 1fr auto; gap: .8rem; align-items: center; color: var(--body-text-color)}
.finding {display: flex; justify-content: space-between; gap: 1rem; align-items: flex-start; padding: .45rem 0; line-height: 1.45;
  border-top: 1px solid var(--border-color-primary); color: var(--body-text-color)}
.finding:first-of-type {border-top: none}
.quoted {font-size: .87rem; color: var(--body-text-color-subdued)}
details.part summary {cursor: pointer; color: var(--body-text-color)}
b.cosine {font-variant-numeric: tabular-nums; color: var(--accent)}
.slider-line {margin-top: .8rem; line-height: 1.6} .slider-line input {width: 100%; accent-color: #6366f1}
.empty {padding: 2.2rem 1rem; text-align: center; color: var(--body-text-color-subdued); border-radius: var(--radius-md);
  border: 1px dashed var(--border-color-primary)}
.first-steps {display: flex; flex-wrap: wrap; gap: .5rem; margin: 0; padding: 0; list-style: none; align-items: center}
.first-steps li {display: flex; gap: .5rem; align-items: center; margin: 0}
.first-steps li + li::before {content: "→"; color: var(--body-text-color-subdued)}
.first-steps button {font: inherit; font-weight: 550; padding: .45rem 1rem .45rem .5rem; border-radius: 999px; cursor: pointer;
  border: 1px solid var(--border-color-primary); background: var(--background-fill-primary); color: var(--body-text-color)}
.first-steps button i {display: inline-block; width: 1.5rem; line-height: 1.5rem; margin-right: .5rem; border-radius: 50%;
  font-style: normal; font-size: .85rem; text-align: center; background: var(--background-fill-secondary)}
.first-steps button.next {background: #4f46e5; border-color: #4f46e5; color: #fff}
.first-steps button.next i {background: #fff; color: #3730a3}
.first-steps button[aria-disabled=true] {color: var(--body-text-color-subdued); cursor: default}
#first-steps:has([hidden]) {display: none}
#news .away {position: fixed; bottom: 1rem; left: 50%; transform: translateX(-50%); z-index: 60; padding: .6rem 1rem;
  border-radius: 6px; border: 1px solid var(--border-color-primary); background: var(--block-background-fill)}
#news .away[hidden] {display: none}
#runs-table, #runs-table * {font-family: var(--font) !important}
/* A chart of a few points says no more for being wide; seven tabs stand in one row on a narrow page too. */
:is(#bytes-view, #compare-view, #raced-view) [data-figure] {max-width: 760px}
@media (max-width: 900px) {#evaluate-parts button[role=tab] {padding: 0 .55rem}}
@media (max-width: 900px) {table.catalogue td:first-child {min-width: 240px}}
"""
