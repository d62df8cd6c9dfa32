"""A space and its film as one HTML file that opens anywhere without a network: plotly, the explorer and the data in it."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import plotly

from core.figures import PALETTE

EXPLORER = Path(__file__).parent / "explorer"
SCRIPTS = ("explorer_film.js", "explorer_charts.js", "explorer_tween.js", "explorer.js", "explorer_side.js")
PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
STYLE = """
:root { color-scheme: light dark; --body-text-color: #1e293b; --body-text-color-subdued: #64748b; --background-fill-primary: #fff;
  --background-fill-secondary: #f1f5f9; --border-color-primary: #e2e8f0; }
@media (prefers-color-scheme: dark) { :root { --body-text-color: #e2e8f0; --body-text-color-subdued: #94a3b8;
  --background-fill-primary: #0f172a; --background-fill-secondary: #1e293b; --border-color-primary: #334155; } }
body { font-family: Inter, system-ui, sans-serif; color: var(--body-text-color); background: var(--background-fill-primary);
  max-width: 1240px; margin: 20px auto; padding: 0 16px; }
.hint { color: var(--body-text-color-subdued); font-size: 14px; margin: 4px 0; }
.typed, [data-act=html] { display: none !important; }
"""
# What the page asks its server for, a saved file has inside.
START = """
const source = {plotly: window.Plotly, charts: filmCharts(window.Plotly), ask: () => show()};
const explorer = mountExplorer(document.querySelector('.explorer'), source);
function show() {
  const method = explorer.space ? explorer.value('method') : 'pca';
  document.querySelector('.explorer').classList.remove('by-umap');
  explorer.set(DATA.space, DATA.films[method] || DATA.films.pca);
}
for (const node of document.querySelectorAll('[data-choice=method]')) node.closest('label').hidden = !DATA.films[node.value];
show();
"""


def markup() -> str:
    """Return the explorer's markup, empty."""
    return (EXPLORER / "explorer.html").read_text(encoding="utf-8")


def scripts() -> str:
    """Return the explorer's script, in the colours of `core.figures`."""
    colours = f"const EXPLORER_COLOURS = {json.dumps(PALETTE)};"
    return "\n".join([colours, *((EXPLORER / name).read_text(encoding="utf-8") for name in SCRIPTS)])


def style() -> str:
    """Return the explorer's style."""
    return (EXPLORER / "explorer.css").read_text(encoding="utf-8")


def film_page(title: str, space: Mapping[str, Any], films: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the file: `space` are texts, groups and loss as the explorer takes them, `films` the desk's answers by method."""
    # No text may end the script that it lies in.
    data = json.dumps({"space": space, "films": films}, ensure_ascii=False).replace("<", "\\u003c")
    plotly_js = PLOTLY_JS.read_text(encoding="utf-8").replace("</script", "<\\/script")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}{style()}</style><script>{plotly_js}</script></head>"
        f"<body><h1>{escape(title)}</h1>{markup()}<script>{scripts()}\nconst DATA = {data};\n{START}</script></body></html>"
    )
