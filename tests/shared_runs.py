"""A run that has ended, with all that a run leaves, made by hand in milliseconds: nothing trains."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from core.base_models import bundled_folder
from core.config import build_config
from core.events import EvaluationEvent, MeasureEvent, NoticeEvent, StepEvent
from core.files import write_json
from core.replay import TEN_FIGURES
from core.run_log import RunLog
from core.run_store import create_run
from core.runs import HELD_OUT, RunFolder
from core.spaces import PROBES_FILE
from core.verdict import write_verdict
from tests.small_films import add_frame, made_up_film, probe_json

STATIC = "sentence_transformers.sentence_transformer.modules.static_embedding.StaticEmbedding"
TEXTS, FRAMES, PAIRS = 40, (0, 2, 4), 60
SECRET_TEXT = "The secret sentence of a held-out row."
HOME = "/home/somebody/private"


def write_static_model(folder: Path, prompts: dict[str, str] | None = None) -> Path:
    """Save a static model of eight dimensions as a run would; it can be loaded."""
    folder.mkdir(parents=True)
    write_json(folder / "modules.json", [{"idx": 0, "name": "0", "path": "", "type": STATIC}])
    write_json(folder / "config_sentence_transformers.json", {"prompts": prompts or {}, "similarity_fn_name": "cosine"})
    shutil.copyfile(bundled_folder() / "tokenizer.json", folder / "tokenizer.json")
    weights = np.random.default_rng(0).normal(size=(30_522, 8)).astype(np.float32)
    save_file({"embedding.weight": weights}, str(folder / "model.safetensors"))
    return folder


def ended_run(runs_dir: Path, prompts: dict[str, str] | None = None, fell: bool = False, **asked: Any) -> RunFolder:
    """Return a run that is done, scored on the sample and on a held-out part; with `fell` its held-out figure is worse."""
    values = {"recipe": "quick-demo", "base_model": "static-minilm", "data": "sample", "loss": "mnr"} | asked
    # A supervisor that is there would begin it before it is said to have ended.
    run = create_run(runs_dir, build_config(values), Path(HOME) / "data", by_hand=True)
    _tell(run, str(values["base_model"]), str(values["data"]))
    _score(run, fell)
    write_json(run.path / "resolved.json", resolved(run))
    write_json(run.path / "snapshots" / PROBES_FILE, probe_json(TEXTS) | {"texts": texts_of_the_film()})
    for step, vectors in zip(FRAMES, made_up_film(len(FRAMES), TEXTS), strict=True):
        add_frame(run, step, vectors)
    write_static_model(run.path / "model", prompts)
    (run.path / "log.txt").write_text(f"something of {HOME}/log\n")
    return run


def texts_of_the_film() -> list[str]:
    return [SECRET_TEXT, *(f"Sentence {row} of the film." for row in range(1, TEXTS))]


def _tell(run: RunFolder, base_model: str, data: str) -> None:
    log = RunLog(run)
    log.enter("loading", "Preparing the examples")
    log.write(NoticeEvent(f"Base model {base_model}, data {data}, mnr; see {HOME}/runs/log.txt"))
    log.write(EvaluationEvent(0, "sample/validation", PAIRS, {"spearman_cosine": 0.4}, untouched=True, of_pairs=PAIRS))
    for step in range(1, 5):
        log.write(StepEvent(step, 4, step / 4, 2 / step, 1 / step, 3 / step, 1e-3, 1.5, 100.0, 4.0 - step))
    log.write(MeasureEvent(4, 0.5, -2.0, 0.1, 0.9, positives=[0, 1, 2], negatives=[2, 1, 0]))
    run.set_status(started=1_000.0)
    log.end("done", f"Finished 4 steps; saved in {HOME}/place.", has_model=True)
    run.set_status(finished=1_012.0, pid=4_000_000, pid_started=7.0)


def _score(run: RunFolder, fell: bool) -> None:
    rng = np.random.default_rng(0)
    gold = rng.uniform(size=PAIRS)
    for which, noise in (("before", 0.5), ("after", 0.1)):
        cosines = (gold + noise * rng.normal(size=PAIRS)).round(4)
        figures = dict.fromkeys(TEN_FIGURES, 0.5) | {"spearman_cosine": 0.4 if noise > 0.2 else 0.9}
        figures |= {"pearson_cosine": 0.41 if noise > 0.2 else 0.91}
        record = {"data": "sample/validation", "figures": figures, "pairs": PAIRS, "data_sha256": "a" * 64, "found": "the sample"}
        _write(run, which, record | {"cosines": cosines.tolist(), "gold": gold.round(4).tolist()})
        is_good = (which == "after") != fell
        ranks = [1.0 if is_good or row % 3 else 0.25 for row in range(PAIRS)]
        own = {"data": HELD_OUT, "figures": {"mrr_10": float(np.mean(ranks))}, "pairs": PAIRS, "shape": "positive-pairs"}
        _write(run, which, own | {"per_example": {"mrr_10": ranks}, "folder": "0" * 32, "found": "pairs.csv"})
    for data in ("sample/validation", HELD_OUT):
        write_verdict(run.path, data)


def _write(run: RunFolder, which: str, record: dict[str, Any]) -> None:
    write_json(run.path / "scores" / f"{record['data'].replace('/', '-')}.{which}.json", record)


def resolved(run: RunFolder) -> dict[str, Any]:
    config = run.config()
    settings = {key: {"value": value, "origin": "automatic"} for key, value in config.model_dump(mode="json").items()}
    settings |= {"batch_size": {"value": 256, "origin": "yours"}, "learning_rate": {"value": 0.005, "origin": "recipe"}}
    settings |= {"best_by": {"value": "spearman_cosine", "origin": "automatic"}, "seed": {"value": 42, "origin": "automatic"}}
    data = {
        "data": config.data, "split": "train", "found": "pairs.csv", "rows": 1_920, "examples": 960, "shape": "positive-pairs",
        "held_out": 60, "dropped": {"empty": 3}, "notes": [], "folder": "0" * 32, "kind": "nli", "negatives": "none",
    }  # fmt: skip
    machine = {"device": "cpu", "device_name": "A CPU", "cores": 2, "python": "3.11.7", "versions": {"torch": "2.13.0"}}
    return {
        "settings": settings, "data": data, "machine": machine, "model": {"base_model": config.base_model, "dimension": 8},
        "watching": {"train_seconds": 9.0}, "kept_step": 4,
    }  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder by its name in it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def as_json(content: bytes) -> Any:
    return json.loads(content)
