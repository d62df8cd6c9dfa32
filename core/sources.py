"""Where rows come from: the sample, the data folder, the Hub's cache, a file. Nothing here asks the network."""

import hashlib
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from core.data_catalogue import DATA_SETS, data_parts
from core.errors import DataError, MissingDataError
from core.examples import NLI_LABELS, NLI_ROWS, SCORED_ROWS

SAMPLE_FOLDER = Path(__file__).parent / "sample"
FILE_ENDINGS = (".csv", ".jsonl", ".parquet")
COLUMNS: Mapping[str, tuple[str, str, str]] = {
    NLI_ROWS: ("premise", "hypothesis", "label"),
    SCORED_ROWS: ("sentence1", "sentence2", "score"),
}
SCORE_NAMES = ("score", "label", "similarity_score")
SCORE_TOPS = (1.0, 5.0, 10.0, 100.0)
# Labels may be numbers, also as a table writes them that once held a missing one: 1.0.
NLI_NUMBERS = {str(number): number for number in range(len(NLI_LABELS))} | {f"{n}.0": n for n in range(len(NLI_LABELS))}


@dataclass(frozen=True)
class Rows:
    """Rows of one kind, clean: no empty text, labels 0 to 2 or scores 0 to 1.

    `found` says where they lay, `sha256` names the very rows, `dropped` counts what was left out and why.
    """

    frame: pd.DataFrame
    kind: str
    found: str
    sha256: str
    dropped: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def locate(data: str, split: str, data_dir: Path | None) -> Path | None:
    """Return the file of one data set's split: the sample's own, or `<data-dir>/<id>/<split>.<ending>`."""
    if data.startswith("file:"):
        path = Path(data.removeprefix("file:")).expanduser()
        return path if _is_file(path) else None
    folder = SAMPLE_FOLDER if data == "sample" else data_dir / data if data_dir else None
    if folder is None:
        return None
    paths = (folder / f"{split}{ending}" for ending in FILE_ENDINGS)
    return next((path for path in paths if _is_file(path)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long to be one
        return False


def is_here(data: str, split: str, data_dir: Path | None) -> bool:
    """Tell whether all parts of a choice such as `snli+mnli` lie in files, without reading them."""
    return all(locate(name, split, data_dir) for name in data_parts(data))


def load_rows(data: str, split: str, data_dir: Path | None) -> Rows:
    """Read a data set, or several joined by `+`.

    Raises:
        DataError: rows are nowhere, cannot be read, or hold what nobody can train on; the message names file and row.
    """
    parts = [_load_part(name, split, data_dir) for name in data_parts(data)]
    kinds = {part.kind for part in parts}
    if len(kinds) > 1:
        raise DataError(f"{data[:80]} joins rows of different kinds ({', '.join(sorted(kinds))}); choose sets of one kind.")
    dropped: dict[str, int] = {}
    for part in parts:
        for reason, count in part.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + count
    return Rows(
        frame=pd.concat([part.frame for part in parts], ignore_index=True),
        kind=parts[0].kind,
        found=" and ".join(part.found for part in parts),
        sha256=hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest(),
        dropped=dropped,
        notes=tuple(note for part in parts for note in part.notes),
    )


def _load_part(name: str, split: str, data_dir: Path | None) -> Rows:
    path = locate(name, split, data_dir)
    if path is not None:
        found = "the sample that ships with the studio" if name == "sample" else f"{path.parent.name}/{path.name}"
        return clean_rows(_read_table(path), found, f"{path.parent.name}/{path.name}")
    cached = None if name.startswith("file:") else _hub_cache_table(name, split)
    if cached is not None:
        return clean_rows(cached, f"{name}/{split} from the Hub's cache", f"{name}/{split}")
    raise MissingDataError(_not_found(name, split, data_dir))


def _not_found(name: str, split: str, data_dir: Path | None) -> str:
    if name.startswith("file:"):
        return f"There is no file {name.removeprefix('file:')[:150]}; check the path."
    if data_dir is None:
        return (
            f"{name}/{split} is not here: no data folder is set and the Hub's cache has none. "
            "Start with --data-dir (or STUDIO_DATA_DIR), or choose data=sample."
        )
    missing = "" if data_dir.is_dir() else ", a folder that does not exist"
    return (
        f"{name}/{split} is not here: looked for {name}/{split}.csv, .jsonl or .parquet in {str(data_dir)[-90:]}{missing}, "
        "and in the Hub's cache. Put the file there, or choose data=sample."
    )


def _read_table(path: Path) -> pd.DataFrame:
    where = f"{path.parent.name}/{path.name}"
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix == ".jsonl":
            return pd.read_json(path, lines=True, dtype=False)
        return _read_csv(path)
    except pd.errors.EmptyDataError:
        raise DataError(f"{where} is empty; it needs a header line and rows.") from None
    except UnicodeDecodeError:
        raise DataError(f"{where} is not UTF-8; save it again as UTF-8.") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning):
        raise DataError(f"{where} has a row with more cells than its header; put texts with commas in quotes.") from None
    except (ValueError, OSError, TypeError, AttributeError) as error:
        # The parser's own words could hold a user's text: name the kind of fault only.
        raise DataError(f"{where} cannot be read ({type(error).__name__}); save it again as CSV with a header line.") from None


def _read_csv(path: Path) -> pd.DataFrame:
    with warnings.catch_warnings():
        # Without `index_col=False` a row that is too long would shift its cells in silence.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        # Only an empty cell is missing: "None" and "NA" are words that people write.
        return pd.read_csv(path, encoding="utf-8-sig", keep_default_na=False, na_values=[""], dtype=str, index_col=False)


def _hub_cache_table(name: str, split: str) -> pd.DataFrame | None:
    """Return a split that `datasets` downloaded earlier, or None; a worker is offline, so this asks nobody."""
    hub = DATA_SETS[name].hub if name in DATA_SETS else None
    if hub is None:
        return None
    if os.environ.get("HF_HUB_OFFLINE") != "1":
        # This process could ask the Hub, and nobody asked it to.
        return None
    import datasets  # noqa: PLC0415  the web process reads rows too, and must not load it
    from datasets.exceptions import DatasetNotFoundError  # noqa: PLC0415

    try:
        table = datasets.load_dataset(*hub, split=split)
    except (FileNotFoundError, ConnectionError, ValueError, DatasetNotFoundError):
        return None
    frame = table.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    return frame


def clean_rows(table: pd.DataFrame, found: str, where: str) -> Rows:
    """Name the columns, turn labels and scores into numbers, and drop rows without a text; `where` is for messages.

    Raises:
        DataError: a column is missing, a label is unknown, a score is no number, or no row is left.
    """
    names = {str(column).strip().lower(): column for column in table.columns}
    kind = _kind_of_columns(names, where)
    first, second, value = COLUMNS[kind]
    if kind == SCORED_ROWS:
        value = next(name for name in SCORE_NAMES if name in names)
    picked = table[[names[first], names[second], names[value]]].set_axis(list(COLUMNS[kind]), axis=1)
    if picked.empty:
        raise DataError(f"{where} has a header and no rows; add rows.")
    texts = picked[[first, second]].fillna("").astype(str).apply(lambda column: column.str.strip())
    read_values = _labels if kind == NLI_ROWS else _scores
    values, notes = read_values(picked[COLUMNS[kind][2]], where)
    unlabelled = values.isna()
    empty = (texts == "").any(axis=1) & ~unlabelled
    keep = ~(empty | unlabelled)
    dropped = {"no label": int(unlabelled.sum()), "an empty text": int(empty.sum())}
    frame = texts.assign(**{COLUMNS[kind][2]: values})[keep].reset_index(drop=True)
    if frame.empty:
        raise DataError(f"{where} has no row with two texts and a label; check its columns.")
    frame = frame.astype({"label": "int64"} if kind == NLI_ROWS else {"score": "float64"})
    kept_topic = _topic(table, names)[keep].reset_index(drop=True) if "topic" in names else None
    if kept_topic is not None:
        frame = frame.assign(topic=kept_topic)
    content = hashlib.sha256(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()).hexdigest()
    return Rows(frame, kind, found, content, {why: n for why, n in dropped.items() if n}, notes)


def _topic(table: pd.DataFrame, names: Mapping[str, str]) -> pd.Series:
    return table[names["topic"]].fillna("").astype(str)


def _kind_of_columns(names: Mapping[str, str], where: str) -> str:
    if {"premise", "hypothesis"} <= names.keys():
        if "label" not in names:
            raise DataError(f"{where} has no column label; add one with {', '.join(NLI_LABELS)}.")
        return NLI_ROWS
    if {"sentence1", "sentence2"} <= names.keys():
        if not any(name in names for name in SCORE_NAMES):
            raise DataError(f"{where} has no column score or label; add one with a similarity, such as 0 to 5.")
        return SCORED_ROWS
    have = ", ".join(list(names)[:6])[:80] or "none"
    raise DataError(f"{where} lacks columns: it has {have}; it needs premise, hypothesis, label or sentence1, sentence2, score.")


def _labels(column: pd.Series, where: str) -> tuple[pd.Series, tuple[str, ...]]:
    """Map labels as words or numbers to 0..2; -1 and empty become missing (SNLI's rows without agreement)."""
    words = column.fillna("").astype(str).str.strip().str.lower()
    known = {label: number for number, label in enumerate(NLI_LABELS)} | NLI_NUMBERS
    numbers = words.map(known)
    unknown = numbers.isna() & ~words.isin(["", "-1", "-1.0", "-"])
    if unknown.any():
        row = int(unknown.to_numpy().argmax())
        raise DataError(
            f"{where}, row {row + 1}: the label '{words.iloc[row][:30]}' is not known; "
            f"write {', '.join(NLI_LABELS)} or 0, 1, 2 (-1 for none)."
        )
    return numbers, ()


def _scores(column: pd.Series, where: str) -> tuple[pd.Series, tuple[str, ...]]:
    """Scale scores to 0..1 by the top of their range: 1, 5, 10 or 100."""
    scores = pd.to_numeric(column, errors="coerce")
    if not scores.notna().all():
        row = int(scores.isna().to_numpy().argmax())
        raise DataError(f"{where}, row {row + 1}: the score is empty or no number; fill it in or take the row out.")
    low, high = float(scores.min()), float(scores.max())
    if low < 0 or high > SCORE_TOPS[-1]:
        raise DataError(f"{where} has scores from {low:g} to {high:g}; write them from 0 to 1, 5, 10 or 100.")
    top = next(top for top in SCORE_TOPS if high <= top)
    # STSB is rated 0 to 5; losses and evaluators expect 0 to 1.
    return scores / top, () if top == 1 else (f"scores divided by {top:g}",)
