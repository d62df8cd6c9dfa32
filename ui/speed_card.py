"""The cards of what a model costs: its speed and size, and the quality that is left with fewer bytes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from core.bytes_choice import FLOAT32, KEPT_SHARE, smallest_that_serves
from core.trade_figures import bytes_figure
from ui.drawn import figure_place
from ui.fitting_card import heads, named_models
from ui.html import problem

MEGABYTE = 1_000_000
CHART_HEIGHT = 360
# So much Spearman is no rounding.
CLEARLY = 0.005
FEWER_IS_BETTER = (
    "Fewer bits score higher here, which is no mistake: int8 and binary give every dimension the same weight, so that a few "
    "large ones, which all texts share, count less."
)


@dataclass(frozen=True)
class SpeedRow:
    """One row of the table: its title, how to read it, and how a model's figure is written."""

    title: str
    reading: str
    written: Callable[[Mapping[str, Any]], str]


SPEED_ROWS = (
    SpeedRow(
        "Milliseconds a query, median", "half of the texts are done sooner", lambda model: f"{model['query_ms_median']:.3g}"
    ),
    SpeedRow("Milliseconds a query, p95", "one text in twenty takes longer", lambda model: f"{model['query_ms_p95']:.3g}"),
    SpeedRow(
        "Texts a second, one by one", "as a search box sends them", lambda model: _rate(model["texts_per_second_1"])
    ),
    SpeedRow(
        "Texts a second, batches of 64", "as a whole collection is encoded", lambda model: _rate(model["texts_per_second_64"])
    ),
    SpeedRow("Parameters", "weights in the model", lambda model: f"{model['parameters']:,}"),
    SpeedRow(
        "Weights, MB", "millions of bytes in memory, in fp32", lambda model: f"{model['weight_bytes'] / MEGABYTE:,.1f}"
    ),
    SpeedRow(
        "On disk, MB", "millions of bytes of all its files, or of its weights where it is built from another's",
        lambda model: f"{model['disk_bytes'] / MEGABYTE:,.1f}",
    ),
    SpeedRow("Dimension", "numbers in an embedding; 4 bytes each in float32", lambda model: f"{model['dimension']:,}"),
    SpeedRow(
        "Maximum length, tokens", "what is longer is cut off",
        lambda model: f"{model['max_tokens']:,}" if model["max_tokens"] else "no limit",
    ),
)  # fmt: skip


def line(text: str) -> str:
    """Return a quiet line inside a card, with room above and below."""
    return f'<p class="hint">{escape(text)}</p>'


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def speed_card(answer: Mapping[str, Any]) -> str:
    """Return the card of an answer of `core.speed`."""
    models = answer["models"]
    timed = [model for model in models if not model["fault"]]
    last = timed[-1]
    said = (
        f"{last['label']}: {last['query_ms_median']:.3g} ms a query, {_rate(last['texts_per_second_64'])} texts a second in "
        "batches of 64."
    )
    head = "".join(
        f"<th class='number'>{escape(name)}</th>" for name, model in zip(heads(models), models, strict=True) if not model["fault"]
    )
    rows = "".join(
        f"<tr><td>{escape(row.title)}<div class='hint'>{escape(row.reading)}</div></td>"
        + "".join(f'<td class="number">{escape(row.written(model))}</td>' for model in timed)
        + "</tr>"
        for row in SPEED_ROWS
    )
    faults = "".join(problem(model["fault"]) for model in models if model["fault"])
    return (
        f'<div class="card"><h3>Speed and size</h3>{faults}<p><b>{escape(said)}</b></p>{named_models(models)}'
        f'{_equal(answer, timed)}{busy_line(answer)}<div class="scroll"><table class="facts">'
        f"<thead><tr><th>Figure</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"{line(about_speed(answer, timed))}</div>"
    )


def _equal(answer: Mapping[str, Any], timed: Sequence[Mapping[str, Any]]) -> str:
    """Say that training changes no speed, where the models are of one architecture."""
    if not answer["same_architecture"]:
        return ""
    rates = [model["texts_per_second_64"] for model in timed]
    apart = 100 * (max(rates) / min(rates) - 1)
    return line(
        "Both have the same architecture and are expected to be equally fast: training changes the weights, not their number. "
        f"That the rates in batches are {apart:.0f} % apart is the unrest of this machine."
    )


def busy_line(answer: Mapping[str, Any]) -> str:
    """Warn where other work took the cores while seconds were measured."""
    if answer["load"] <= answer["cores"]:
        return ""
    return (
        f'<p class="warning">Other work was going on: a load of {answer["load"]:.1f} on {answer["cores"]} cores in the minute '
        "before. On an idle machine the models are faster; measure again when it is done.</p>"
    )


def about_speed(answer: Mapping[str, Any], timed: Sequence[Mapping[str, Any]]) -> str:
    """Say what was timed, on what, and with how much other work around."""
    queries = " and ".join(f"{model['queries']:,}" for model in timed)
    batched = " and ".join(f"{model['batched_texts']:,}" for model in timed)
    return (
        f"Timed after a warm-up on {queries} single texts and {batched} texts in batches: sentences of {answer['found']} in "
        f"random order, the models in turns, in fp32, {where(answer)}, load {answer['load']:.1f} in the minute before. From the "
        "text to the embedding, tokenizer included."
    )


def where(answer: Mapping[str, Any]) -> str:
    """Return the machine in words."""
    if answer["device"] == "cuda":
        return f"on {answer['device_name']}"
    cores = f"{answer['threads']} of {answer['cores']} CPU cores" if answer["threads"] < answer["cores"] else _cores(answer)
    return f"on {cores} ({answer['device_name']})"


def _cores(answer: Mapping[str, Any]) -> str:
    return "1 CPU core" if answer["cores"] == 1 else f"{answer['cores']} CPU cores"


def bytes_card(answer: Mapping[str, Any]) -> str:
    """Return the card of an answer of `core.fewer_bytes`."""
    models = answer["models"]
    scored = [(head, model) for head, model in zip(heads(models), models, strict=True) if not model["fault"]]
    faults = "".join(problem(model["fault"]) for model in models if model["fault"])
    notes = "".join(f"<li>{escape(note)}</li>" for _, model in scored for note in model["notes"])
    figure = bytes_figure([model for _, model in scored], [head for head, _ in scored])
    reading = (
        "Up is better, left is cheaper: take the leftmost point whose quality is still good enough. Hollow marks were cut to "
        "a size that the model was not trained for, as far as the studio knows; Matryoshka on the Model tab trains for it "
        "(“after”: the tuned model alone was)."
    )
    return (
        f'<div class="card"><h3>Quality against bytes</h3>{faults}<p><b>{escape(summary(scored[-1][1]))}</b></p>'
        f"{line(FEWER_IS_BETTER) if fewer_bits_win(scored[-1][1]) else ''}{named_models(models)}"
        f"{figure_place(figure, CHART_HEIGHT, 'Spearman by bytes a text')}{line(reading)}"
        f"{f'<ul class=notes>{notes}</ul>' if notes else ''}{bytes_table(scored)}{line(about_bytes(answer))}</div>"
    )


def summary(model: Mapping[str, Any]) -> str:
    """Say which is the smallest embedding of a model that is as good as the whole one but for a hundredth."""
    rows = model["rows"]
    whole = max((row for row in rows if row["precision"] == FLOAT32), key=lambda row: row["bytes"])
    small = smallest_that_serves(rows)
    if small is None:
        return f"{model['label']}: nothing smaller keeps {KEPT_SHARE:.0%} of the whole embedding's Spearman."
    return (
        f"{model['label']}: {small['dimensions']} dimensions in {small['precision']} keep at least {KEPT_SHARE:.0%} of the whole "
        f"embedding's Spearman ({small['spearman']:.4f} against {whole['spearman']:.4f}) in {small['bytes']:,} bytes a text in "
        f"place of {whole['bytes']:,}: {whole['bytes'] / small['bytes']:.0f} times fewer."
    )


def fewer_bits_win(model: Mapping[str, Any]) -> bool:
    """Tell whether a model's whole embedding scores clearly higher with fewer bits, which asks for a word."""
    whole = {row["precision"]: row["spearman"] for row in model["rows"] if row["dimensions"] == model["dimension"]}
    full = whole[FLOAT32]
    return full is not None and any(value is not None and value > full + CLEARLY for value in whole.values())


def bytes_table(scored: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Return quality by size and precision; models stand beside each other where they have the same size."""
    several = len(scored) > 1
    names = [f"{figure}{f', {head}' if several else ''}" for figure in ("Spearman", "Pearson") for head, _ in scored]
    head = (
        "<th class='number'>Dimensions</th><th>Kept as</th><th class='number'>Bytes a text</th>"
        + "".join(f"<th class='number'>{escape(name)}</th>" for name in names)
        + "<th>Trained for</th>"
    )
    found = [{(row["dimensions"], row["precision"]): row for row in model["rows"]} for _, model in scored]
    keys = dict.fromkeys(key for rows in found for key in rows)
    body = "".join(_bytes_row([rows.get(key) for rows in found]) for key in sorted(keys, key=lambda key: -key[0]))
    return f'<div class="scroll"><table class="facts"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _bytes_row(rows: Sequence[Mapping[str, Any] | None]) -> str:
    known = [row for row in rows if row]
    row = known[-1]
    cells = "".join(f'<td class="number">{_figure(each, figure)}</td>' for figure in ("spearman", "pearson") for each in rows)
    notes = "".join(f"<div class='quoted'>{escape(note)}</div>" for note in dict.fromkeys(each["note"] for each in known) if note)
    return (
        f'<tr><td class="number">{row["dimensions"]:,}</td><td>{row["precision"]}{notes}</td>'
        f'<td class="number">{row["bytes"]:,}</td>{cells}<td>{_trained(known)}</td></tr>'
    )


def _trained(known: Sequence[Mapping[str, Any]]) -> str:
    """Return whether the models were trained to serve at a size: the last one is what training made."""
    if all(row["trained"] for row in known):
        return "yes"
    return "after" if known[-1]["trained"] else "no"


def _figure(row: Mapping[str, Any] | None, figure: str) -> str:
    return "–" if row is None or row[figure] is None else f"{row[figure]:.4f}"


def about_bytes(answer: Mapping[str, Any]) -> str:
    """Say what the figures were measured on, and how small embeddings were made and compared."""
    return (
        f"Correlations with people's scores on {answer['pairs']:,} pairs of {answer['found']}, −1 to 1, higher is better. Each "
        "text is encoded once, in fp32; then cut to its first dimensions and normalised again. float32 and int8 are compared by "
        f"cosine, binary by Hamming distance. int8 has 256 steps a dimension between the least and the greatest value of "
        f"{answer['calibrated_on']}; binary keeps the sign."
    )
