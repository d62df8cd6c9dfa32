"""Scored pairs one by one: gold against predicted, cosines by gold band, the worst pairs, and a single pair to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from core.errors import StudioError, one_sentence
from core.files import read_json
from core.measuring import ANSWER, MEASURED
from core.pair_errors import places_off, worst_pairs
from core.pair_texts import Texts, read_pair_texts
from core.places import Places
from core.runs import RunFolder
from core.score_figures import band_figure, scatter_figure
from core.verdict import about
from ui.drawn import figure_place
from ui.html import hint
from ui.job_view import open_job
from ui.studio import Studio

RATED_TO_FIVE = ("stsb/", "sample/")
SCATTER_PIXELS, BAND_PIXELS = 360, 380
GONE = "These scores are not here any more; choose another run above."
READING = (
    "Each point is a pair: what people say of it from left to right, what the model says from bottom to top. The nearer the "
    "points lie to one rising line, the better. The redder a point, the more places it is off its rank."
)
BANDS_READING = (
    "Where the cosines of each band of gold scores lie. Good: the hills move to the right as the gold score rises, and "
    "overlap little."
)
WORST_READING = (
    "All pairs are put in order twice, by gold score and by cosine; a pair is off by the places between, in percent of all. That "
    "is what lowers Spearman, and it does not blame a model for cosines on a scale of its own, as cosine minus gold would."
)


@dataclass(frozen=True)
class ScoredPairs:
    """Records of the same pairs by side, and where their texts are looked for."""

    sides: Mapping[str, Mapping[str, Any]]
    places: Places
    max_rows: int | None = None

    @property
    def record(self) -> Mapping[str, Any]:
        """The last side's record."""
        return list(self.sides.values())[-1]

    @property
    def top(self) -> float:
        """The end of the scale that gold scores are shown on."""
        return 5.0 if str(self.record["data"]).startswith(RATED_TO_FIVE) else 1.0

    @property
    def cosines(self) -> dict[str, list[float]]:
        """The cosines by side."""
        return {name: record["cosines"] for name, record in self.sides.items()}

    def texts(self) -> tuple[Texts, str]:
        """Return the pairs' texts, or none and the sentence that says why."""
        try:
            return read_pair_texts(self.record, self.places, self.max_rows), ""
        except (StudioError, OSError) as error:
            return [], one_sentence(error)


def open_pairs(studio: Studio, asked: Sequence[Any]) -> ScoredPairs | None:
    """Return what a script asks for: ["run", id, data, ...] or ["measured", folder, "", ...]; None where it is gone."""
    source, name, data = (str(part) for part in asked[:3])
    run = studio.run(name) if source == "run" else open_job(studio, {"kind": MEASURED, "name": name})
    status = run.status() if run else None
    if run is None or status is None:
        return None
    found = _of_run(run, data) if source == "run" else _of_answer(read_json(run.path / ANSWER) or {})
    records = {side: record for side, record in found.items() if record.get("cosines") and record.get("gold")}
    last = next(reversed(records.values()), None)
    if last is None:
        return None
    # A record of other pairs cannot stand beside them.
    sides = {side: record for side, record in records.items() if _same_pairs(record, last)}
    config = read_json(run.path / "config.json") or {}
    places = Places(Path(status.data_dir) if status.data_dir else None, studio.runs_dir)
    return ScoredPairs(sides, places, config.get("max_rows") if source == "measured" else None)


def _of_run(run: RunFolder, data: str) -> dict[str, dict[str, Any]]:
    stem = data.replace("/", "-")
    found = {}
    for which in ("before", "after"):
        if data in run.scores(which):
            found[f"{which.capitalize()} training"] = read_json(run.path / "scores" / f"{stem}.{which}.json") or {}
    return found


def _of_answer(answer: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    sides = [side for side in answer.get("sides", []) if "record" in side]
    names = ["Before training", "After training"] if len(sides) == 2 else [str(side["label"]) for side in sides]
    return {name: side["record"] for name, side in zip(names, sides, strict=True)}


def _same_pairs(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    keys = ("data_sha256", "folder")
    return len(one["cosines"]) == len(other["cosines"]) and all(one.get(key) == other.get(key) for key in keys)


def pairs_of(studio: Studio, asked: list[Any]) -> dict[str, Any]:
    """Answer the script: what `open_pairs` takes -> the pictures and the worst pairs."""
    pairs = open_pairs(studio, asked)
    return {"html": pairs_card(pairs) if pairs else hint(GONE)}


def pair_at(studio: Studio, asked: list[Any]) -> dict[str, Any]:
    """Answer a click: what `open_pairs` takes, and a row at the end -> that one pair to read."""
    pairs = open_pairs(studio, asked)
    row = int(asked[-1])
    if pairs is None or not 0 <= row < len(pairs.record["gold"]):
        return {"html": hint(GONE)}
    texts, fault = pairs.texts()
    quoted = "".join(f'<p dir="auto">{escape(text)}</p>' for text in texts[row]) if texts else hint(fault)
    facts = [f"gold {pairs.record['gold'][row] * pairs.top:.2f} of {pairs.top:g}"]
    for name, record in pairs.sides.items():
        off = float(places_off(record["gold"], record["cosines"])[row])
        facts.append(f"{name.lower()}: cosine {record['cosines'][row]:.2f}, {off_words(off)}")
    return {"html": quoted + '<div class="plan">' + "".join(f"<span>{escape(fact)}</span>" for fact in facts) + "</div>"}


def off_words(off: float) -> str:
    """Say how far a pair is off its place, in percent of all places: "12 % too alike"."""
    share = round(100 * abs(off))
    return f"{share} % too {'alike' if off > 0 else 'different'}" if share else "in its place"


def pairs_card(pairs: ScoredPairs) -> str:
    """Return the pictures of scored pairs and the worst of them."""
    gold, cosines = pairs.record["gold"], pairs.cosines
    texts, fault = pairs.texts()
    scatter = figure_place(
        scatter_figure(gold, cosines, pairs.top), SCATTER_PIXELS, "Gold scores against cosines, a point a pair"
    )
    bands = figure_place(band_figure(gold, cosines, pairs.top), BAND_PIXELS, "Histograms of cosines by band of gold scores")
    missing = f'<div class="warning">{escape(fault)}</div>' if fault else ""
    return (
        f'<div class="card">{missing}<h3>Gold against predicted: {escape(about(pairs.record))}</h3>{hint(READING)}'
        f'<div class="pair-scatter">{scatter}</div>'
        '<div class="pair-line" aria-live="polite"><span class="hint">Click a point to read its pair.</span></div>'
        f'<h3 style="margin-top:.9rem">Cosines by gold score</h3>{hint(BANDS_READING)}{bands}'
        f"{_worst(pairs, texts) if texts else ''}</div>"
    )


def _worst(pairs: ScoredPairs, texts: Texts) -> str:
    """Return the worst pairs of each side, the last side's open."""
    off = {name: places_off(record["gold"], record["cosines"]) for name, record in pairs.sides.items()}
    worst = {name: worst_pairs(values) for name, values in off.items()}
    names = list(pairs.sides)
    tables = ""
    for name in reversed(names):
        others = {row for other in names if other != name for row in worst[other]}
        rows = "".join(_row(pairs, texts, row, float(off[name][row]), row in others) for row in worst[name])
        shared = f", {len(others & set(worst[name]))} of them on both lists" if len(names) > 1 else ""
        tables += (
            f'<details class="part" style="margin-top:.4rem"{" open" if name == names[-1] else ""}>'
            f"<summary>The {len(worst[name])} worst pairs {escape(name[0].lower() + name[1:])}{shared}</summary>"
            f'<div class="scroll rows"><table class="facts"><thead>{_head(names)}</thead>'
            f"<tbody>{rows}</tbody></table></div></details>"
        )
    return f'<h3 style="margin-top:.9rem">The worst pairs</h3>{hint(WORST_READING)}{tables}'


def _head(names: Sequence[str]) -> str:
    cosines = [f"Cosine {name.split()[0].lower()}" for name in names] if len(names) > 1 else ["Cosine"]
    heads = "".join(f'<th class="number">{escape(name)}</th>' for name in ("Gold", *cosines))
    return f"<tr><th>Pair</th>{heads}<th>Off its place</th></tr>"


def _row(pairs: ScoredPairs, texts: Texts, row: int, off: float, on_both: bool) -> str:
    first, second = (escape(text) for text in texts[row])
    gold = float(pairs.record["gold"][row]) * pairs.top
    cosines = "".join(f'<td class="number">{values[row]:.2f}</td>' for values in pairs.cosines.values())
    both = '<br><small class="hint">on both lists</small>' if on_both else ""
    return (
        f'<tr><td class="pair"><div dir="auto">{first}</div><div dir="auto">{second}</div></td>'
        f'<td class="number">{gold:.2f}</td>{cosines}<td class="off">{off_words(off)}{both}</td></tr>'
    )
