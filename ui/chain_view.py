"""A chain of runs on the Train tab: its stages with what became of each, and the silver pairs that one of them made."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from core.config import RunConfig
from core.errors import StudioError
from core.examples import SCORED_PAIRS
from core.figures import spread_figure
from core.files import read_json
from core.losses import LOSSES
from core.run_store import list_runs
from core.runs import RunFolder, Status
from ui.drawn import figure_place
from ui.studio import Studio

MARKS = {"done": "✓", "failed": "✗", "interrupted": "✗", "skipped": "–", "queued": "…", "stopped": "■"}


def chain_of(studio: Studio, name: str) -> list[tuple[RunFolder, Status]]:
    """Return the runs of the chain that a run belongs to, first to last; a lone run is its own chain."""
    known = {run.id: (run, status) for run, status in list_runs(studio.runs_dir)}
    after = {status.after: run_id for run_id, (_, status) in known.items() if status.after}
    chain: list[tuple[RunFolder, Status]] = []
    place = name if name in known else None
    while place is not None:
        chain.insert(0, known[place])
        before = known[place][1].after
        place = before if before in known else None
    place = after.get(name)
    while place is not None:
        chain.append(known[place])
        place = after.get(place)
    return chain


def next_in_chain(studio: Studio, name: str) -> str | None:
    """Return the run that waits for this one and will come, or None."""
    found = (run.id for run, status in list_runs(studio.runs_dir) if status.after == name and status.state != "skipped")
    return next(found, None)


def stages_view(studio: Studio, name: str | None) -> str:
    """Return the stages of a chain and its silver pairs; nothing for a lone run."""
    chain = chain_of(studio, name) if name else []
    try:
        stages = [stage for run, status in chain for stage in _stages_of(run, status, run.config())]
    except StudioError:
        # Deleted between two looks.
        return ""
    if len(stages) < 2:
        return ""
    steps = "".join(
        f'<li class="{escape(state)}"><b>{MARKS.get(state, "▸")} {escape(title)}</b><small>{escape(detail)}</small></li>'
        for title, state, detail in stages
    )
    silver = "".join(_silver_card(read_json(run.path / "silver" / "silver.json")) for run, _ in chain)
    return f'<ol class="stages">{steps}</ol>{silver}'


def _stages_of(run: RunFolder, status: Status, config: RunConfig) -> list[tuple[str, str, str]]:
    """Return title, state and a line of a run's stages: one, or for silver pairs three."""
    if config.kind == "cross-encoder":
        return [("Gold pairs teach a cross-encoder", status.state, _line(run, status))]
    if config.silver is None or config.silver.gold_only:
        return [(LOSSES[config.loss].title, status.state, _line(run, status))]
    made = read_json(run.path / "silver" / "silver.json")
    chosen, scored, trained = _silver_states(status, made is not None)
    count = f"{made['silver']:,} pairs beside {made['gold']:,} gold ones" if made else ""
    return [
        ("Unlabelled pairs are chosen", chosen, str(config.silver.pairs)),
        ("The cross-encoder scores them", scored, count),
        ("Gold and silver teach a bi-encoder", trained, _line(run, status) if trained != "queued" else ""),
    ]


def _silver_states(status: Status, made: bool) -> tuple[str, str, str]:
    if made:
        return "done", "done", status.state if status.state != "loading" else "queued"
    if status.state != "loading":
        # Not begun, or ended before there were any.
        return (status.state,) * 3
    if status.detail.startswith("The cross-encoder"):
        return "done", "loading", "queued"
    return "loading", "queued", "queued"


def _line(run: RunFolder, status: Status) -> str:
    data, figures = run.yardstick("after")
    score = figures.get("spearman_cosine", figures.get("spearman"))
    return f"{status.state}, Spearman {score:.4f} on {data.replace('/', ' ')}" if score is not None else status.state


def _silver_card(silver: Mapping[str, Any] | None) -> str:
    """Return the silver pairs from the highest score to the lowest, and how their scores lie beside the gold ones."""
    if not silver:
        return ""
    rows = "".join(_silver_row(row) for row in silver["rows"])
    head = "<tr><th>First text</th><th>Second text</th><th class='number'>Silver score</th></tr>"
    kind = f"cut at {silver['cut']:g}" if silver["cut"] else "soft scores"
    title = f"{silver['silver']:,} silver {SCORED_PAIRS.replace('-', ' ')} ({escape(str(silver['pairs']))}, {kind})"
    figure = figure_place(spread_figure(silver["spread"]), 190, "Scores of gold and silver pairs")
    return (
        f'<details class="part" open><summary>{title}</summary><div class="beside"><div class="scroll rows"><table class="facts">'
        f"<thead>{head}</thead><tbody>{rows}</tbody></table></div><figure>{figure}"
        "<figcaption>Share of the pairs by score: gold and silver</figcaption></figure></div></details>"
    )


def _silver_row(row: Sequence[Any]) -> str:
    first, second, score = row
    return (
        f'<tr><td dir="auto">{escape(str(first))}</td><td dir="auto">{escape(str(second))}</td>'
        f'<td class="number">{float(score):.3f}</td></tr>'
    )
