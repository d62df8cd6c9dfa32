"""The prepared file: what the loss will see, made once and read by preview, pictures, doctor and trainer alike."""

import os
import time
from pathlib import Path

import pandas as pd

from core.config import RunConfig
from core.conversions import class_numbers, convert
from core.data_catalogue import called
from core.doctor import Patient, admit, examine, mend
from core.errors import DataError, StudioError
from core.example_choice import choices_of, holdout_share
from core.example_making import classes_of, first_examples, held_out_shape, make_examples, preview_shape
from core.examples import (
    BINARY_PAIRS,
    CLASS_PAIRS,
    LABELLED_ROWS,
    LABELLED_TEXTS,
    SCORED_PAIRS,
)
from core.files import write_json
from core.groups import HeldOut, hold_out
from core.locks import lock
from core.places import Places
from core.prepared import PreparedExamples, find_prepared, prepared_folder
from core.processes import start_time
from core.report import class_names, count_rows, measure_examples, write_preview
from core.rows import Asked, Rows, Watcher, load_rows, yardstick_rows
from core.run_log import RunLog, Stopped, Work
from core.run_store import create_folder
from core.runs import RunFolder

FEWEST_EXAMPLES = 2
LOOK_SECONDS = 0.1
HEAD_ROWS = 2000


def fill(folder: Path, config: RunConfig, places: Places, work: Work) -> PreparedExamples:
    """Read the rows, mend, hold out, convert, examine, and write what came of it into the folder; the report comes last.

    Raises:
        DataError: the rows cannot be found or used.
        ConfigError: the rows cannot become what was asked for.
    """

    def show_first(frame: pd.DataFrame, kind: str) -> None:
        shape, first = first_examples(config, frame.head(HEAD_ROWS), kind, preview_shape(config, kind))
        write_preview(folder, shape, first, class_names(frame, kind, shape), kind=kind, whole=False)

    def count(done: int, total: int) -> None:
        work.raise_if_stopped()
        work.progress("Reading rows", done, total)

    asked = Asked(config.data, config.split, config.columns, config.max_rows)
    rows = load_rows(asked, places, Watcher(show_first, count))
    shape = preview_shape(config, rows.kind)
    work.progress("Looking for what is wrong", 0, 3)
    patient, mended, part = choose_rows(config, rows, places)
    work.raise_if_stopped()
    kept, held = patient.frame[~part.mask].reset_index(drop=True), patient.frame[part.mask].reset_index(drop=True)
    examples = make_examples(config, kept, rows.kind, shape, places, work)
    _check_use(config, rows.kind, kept, shape, examples)
    names = class_names(patient.frame, rows.kind, shape)
    if shape == LABELLED_TEXTS:
        # A class has one number in the held-out part and in the rest.
        examples["label"] = class_numbers(patient.frame["label"])[~part.mask]
    write_preview(folder, shape, examples, names, kind=rows.kind, whole=False)
    work.progress("Looking for what is wrong", 1, 3)
    held_shape = held_out_shape(config, rows.kind, shape)
    report = count_rows(config, rows, kept, shape, examples) | measure_examples(
        config, examples, places, classes_of(kept, rows.kind)
    )
    work.raise_if_stopped()
    work.progress("Looking for what is wrong", 2, 3)
    report |= {
        "dropped": dict(rows.dropped) | mended,
        "class_names": list(names),
        "held_out": int(part.mask.sum()),
        "held_out_share": holdout_share(config),
        "held_out_note": part.note,
        "held_out_shape": held_shape,
        "outside": patient.outside_name,
        "findings": [finding.as_json() for finding in examine(patient)],
    }
    _write_parquet(examples, folder / "examples.parquet")
    held_examples = convert(held, rows.kind, held_shape, choices_of(config)) if len(held) else examples.head(0)
    if held_shape == LABELLED_TEXTS:
        held_examples = held_examples.assign(label=class_numbers(patient.frame["label"])[part.mask])
    report["held_out_examples"] = len(held_examples)
    _write_parquet(held_examples, folder / "held-out.parquet")
    write_preview(folder, shape, examples, names, kind=rows.kind, whole=True)
    write_json(folder / "report.json", report)
    return PreparedExamples(folder, report)


def choose_rows(config: RunConfig, rows: Rows, places: Places) -> tuple[Patient, dict[str, int], HeldOut]:
    """Mend the rows and choose the held-out part: what is left, how many rows each fix took, and which rows are held out."""
    outside_name, outside = yardstick_rows(places)
    texts = [outside.frame["sentence1"], outside.frame["sentence2"]]
    patient, mended = mend(admit(rows.frame, rows.kind, texts, outside_name), config.fixes)
    return patient, mended, hold_out(patient.frame, patient.texts, holdout_share(config), config.seed)


def _check_use(config: RunConfig, kind: str, frame: pd.DataFrame, shape: str, examples: pd.DataFrame) -> None:
    """Refuse what nothing can be learned from."""
    where = f"{called(config.data)} gives"
    if len(examples) < FEWEST_EXAMPLES:
        raise DataError(
            f"{where} {len(examples)} {shape}; training needs {FEWEST_EXAMPLES} or more: choose other data or another shape."
        )
    if kind == LABELLED_ROWS and frame["label"].nunique() < 2:
        raise DataError(f"{where} texts of one label only, so there is nothing to tell apart; choose another column of labels.")
    value = {CLASS_PAIRS: "label", BINARY_PAIRS: "label", LABELLED_TEXTS: "label", SCORED_PAIRS: "score"}.get(shape)
    if value and examples[value].nunique() < 2:
        raise DataError(
            f"{where} {shape} that all have the same {value} ({examples[value].iloc[0]:g}), so there is nothing to tell apart; "
            "choose other columns, or a loss that takes positive pairs."
        )


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write beside the place and move it there: whoever has the earlier file open keeps it whole."""
    beside = path.with_suffix(".part")
    frame.to_parquet(beside, index=False)
    beside.replace(path)


def prepare(config: RunConfig, places: Places, log: Work) -> PreparedExamples:
    """Return the prepared examples of a configuration: as they lie ready, as another process is making them, or made now.

    Raises:
        DataError: the rows cannot be found or used.
        ConfigError: the rows cannot become what the loss needs.
        Stopped: somebody pressed Stop meanwhile.
    """
    folder = prepared_folder(config, places)
    while (ready := find_prepared(folder)) is None:
        run = RunFolder(folder)
        if run.status() is None:
            folder.parent.mkdir(parents=True, exist_ok=True)
            create_folder(folder, config.model_copy(update={"kind": "prepare"}), places.data_dir)
        held = lock(folder)
        if held is None:
            log.progress("Preparing the examples", 0, 1)
            time.sleep(LOOK_SECONDS)
            log.raise_if_stopped()
            continue
        with held:
            return _fill_here(run, config, places, log)
    return ready


def _fill_here(run: RunFolder, config: RunConfig, places: Places, log: Work) -> PreparedExamples:
    """Do a preparation's work in the process that needs it."""
    ready = find_prepared(run.path)
    if ready is not None:
        return ready
    run.set_status(state="loading", started=time.time(), pid=os.getpid(), pid_started=start_time(os.getpid()))
    try:
        prepared = fill(run.path, config, places, log)
    except (StudioError, Stopped) as error:
        run.set_status(state="stopped", detail=str(error), finished=time.time())
        raise
    run.set_status(state="done", detail="Prepared", finished=time.time())
    return prepared


def prepare_job(log: RunLog) -> None:
    """Do the work of a folder whose kind is `prepare`.

    Raises:
        StudioError: the rows cannot be found or used.
    """
    ready = find_prepared(log.run.path)
    if ready is not None:
        # A training run was first: what it reads must not be written again.
        log.end("done", "Prepared")
        return
    log.enter("loading", "Preparing the examples")
    try:
        prepared = fill(log.run.path, log.run.config(), log.places, log)
    except Stopped:
        log.end("stopped", "Stopped before the examples were whole.")
        return
    log.end("done", f"Prepared {prepared.report['examples']:,} {prepared.shape}")
