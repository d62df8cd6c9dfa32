"""How fast a run trains beside the book's plain script, what watching it costs, and whether the model is as good.

python -m tests.benchmarks.training_speed --data-dir DATA [--steps N]

The same SNLI pairs, the same number of steps, MNR on MiniLM, in turn: through `python -m core train` with everything live on, and
through the script below. Without `--steps` there are as many as end within five minutes, one epoch at most. What watching costs
is read from a run over all the triplets of SNLI and MNLI as well, since these few steps are no run that anybody makes.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from core.base_models import bundled_folder
from core.errors import one_sentence
from core.events import read_events
from core.files import write_json
from core.prepared import PREPARED
from core.runs import RunFolder
from tests.conftest import end_supervisor
from tests.ready import ROOT

REPEATS, BATCH, LEARNING_RATE, WARMUP = 3, 32, 5e-5, 0.1
SHORT_STEPS, FEWEST_STEPS = 4, 12
WHOLE_SECONDS, ONE_SECONDS = 220, 280
# Scoring STSB's 3,000 texts takes as long as training on so many pairs: a step reads a text three times.
PAIRS_A_SCORING = 500
SCRIPT = '''"""Fine-tuning as the book does it: the library's trainer with its own settings, fp32, batches at random."""
import json
import sys
import time

import pandas as pd
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from transformers import TrainerCallback

given = json.loads(sys.argv[1])
ends = []


class Stopwatch(TrainerCallback):
    def on_step_end(self, *_, **__):
        ends.append(time.time())


model = SentenceTransformer(given["model"])
args = SentenceTransformerTrainingArguments(
    output_dir=given["folder"], max_steps=given["steps"], per_device_train_batch_size=given["batch"], seed=given["seed"],
    learning_rate=given["learning_rate"], warmup_steps=given["warmup"], bf16=given["bf16"], batch_sampler="no_duplicates",
    save_strategy="no", report_to="none",
)
trainer = SentenceTransformerTrainer(
    model=model, args=args, train_dataset=Dataset.from_pandas(pd.read_parquet(given["examples"])),
    loss=MultipleNegativesRankingLoss(model), callbacks=[Stopwatch()],
)
trainer.train()
said = {"pairs_per_second": (len(ends) - 1) * given["batch"] / (ends[-1] - ends[0]), "device": str(model.device)}
if given["score"]:
    pairs = pd.read_csv(given["stsb"])
    evaluator = EmbeddingSimilarityEvaluator(list(pairs["sentence1"]), list(pairs["sentence2"]), list(pairs.iloc[:, 2] / 5))
    said["pearson"] = evaluator(model.float())["pearson_cosine"]
print(json.dumps(said))
'''


class PartFailed(Exception):  # noqa: N818
    """A part could not run; its message says which and why."""


@dataclass(frozen=True)
class Workshop:
    """The folders of one benchmark: runs, rows, and where the script is; `commands` are those that ran."""

    folder: Path
    data_dir: Path
    commands: list[str]

    @property
    def runs_dir(self) -> Path:
        return self.folder / "runs"

    def run(self, command: list[str]) -> dict[str, Any]:
        """Run a command and return its last line, which is JSON."""
        self.commands.append(" ".join(command))
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=ONE_SECONDS, check=False)
        if result.returncode != 0:
            said_last = (result.stderr.strip().splitlines() or [""])[-1]
            raise PartFailed(f"{' '.join(command[1:4])} ended with {result.returncode}: {said_last} {result.stdout[-150:]}")
        said: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
        return said

    def keep_rows(self, steps: int, seed: int) -> int:
        """Write a data folder with as many SNLI pairs as so many steps read, and return the number of steps they last."""
        frame = pd.read_csv(self.data_dir / "snli" / "train.csv")
        pairs = frame[frame["label"] == "entailment"].dropna().drop_duplicates()
        chosen = pairs.sample(n=min(steps * BATCH, len(pairs) // BATCH * BATCH), random_state=seed)
        rows = self.folder / "data"
        (rows / "snli").mkdir(parents=True, exist_ok=True)
        chosen.to_csv(rows / "snli" / "train.csv", index=False)
        if not (rows / "stsb").exists():
            (rows / "stsb").symlink_to(self.data_dir / "stsb", target_is_directory=True)
        return len(chosen) // BATCH


def train_ours(shop: Workshop, steps: int, seed: int) -> tuple[RunFolder, float]:
    """Train through the command line, and return the run and its Pearson on STSB validation."""
    asked = shop.folder / f"asked-{seed}.json"
    config = {"base_model": "all-minilm-l6-v2", "data": "snli", "loss": "mnr", "batch_size": BATCH, "max_steps": steps}
    config |= {"learning_rate": LEARNING_RATE, "warmup": WARMUP, "best_by": "last", "seed": seed}
    write_json(asked, config)
    command = [sys.executable, "-m", "core", "train", str(asked), "--json", "--runs-dir", str(shop.runs_dir)]
    said = shop.run([*command, "--data-dir", str(shop.folder / "data")])
    return RunFolder(shop.runs_dir / said["run"]), said["scores"]["stsb/validation"]["pearson_cosine"]


def watch_triplets(shop: Workshop) -> dict[str, float]:
    """Train the recipe over some 8,500 triplets and return what watching it cost, as shares of its training."""
    command = [sys.executable, "-m", "core", "train", "mnr-hard-negatives", "--json", "--runs-dir", str(shop.runs_dir)]
    said = shop.run([*command, "--data-dir", str(shop.data_dir)])
    return cost_of_watching(RunFolder(shop.runs_dir / said["run"]))


def cost_of_watching(run: RunFolder) -> dict[str, float]:
    """Return the shares of a run's training that events, probes and measures took, and its evaluations."""
    watching = run.resolved().get("watching")
    if not watching:
        raise PartFailed("The run does not say what watching it cost (resolved.json, watching).")
    live = watching["live_seconds"] + watching["snapshot_seconds"]
    return {
        "live_cost": live / watching["train_seconds"],
        "eval_cost": watching["evaluation_seconds"] / watching["train_seconds"],
    }


def train_plainly(shop: Workshop, run: RunFolder, steps: int, *, score: bool = True, bf16: bool = False) -> dict[str, Any]:
    """Train the script on a run's very examples and return its pairs a second, and its Pearson where it is asked for."""
    script = shop.folder / "script.py"
    script.write_text(SCRIPT)
    given = {
        "model": str(bundled_folder()),
        "folder": str(shop.folder / "script"),
        "examples": str(shop.runs_dir / PREPARED / run.resolved()["data"]["folder"] / "examples.parquet"),
        "stsb": str(shop.data_dir / "stsb" / "validation.csv"),
        "steps": steps, "batch": BATCH, "seed": run.config().seed, "learning_rate": LEARNING_RATE, "warmup": WARMUP,
        "score": score, "bf16": bf16,
    }  # fmt: skip
    return shop.run([sys.executable, str(script), json.dumps(given)])


def pairs_per_second(events: list[dict[str, Any]]) -> float:
    """Return the speed between the first and the last step that a run told of, without its pauses to evaluate and to film.

    A pause to evaluate is from the last step before it to the last thing that it told. What both cost is said by itself: a run
    of so few steps as fit here is filmed as often as a long one.
    """
    steps = [event for event in events if event["type"] == "step"]
    if len(steps) < 2:
        raise PartFailed("The run told of fewer than two steps.")
    paused, before, told = 0.0, steps[0], 0.0
    for event in events:
        if event["type"] == "step":
            paused += max(0.0, told - before["t"])
            before, told = event, 0.0
        elif event["type"] in ("evaluation", "measure") and event["step"] >= before["step"] and not event.get("untouched"):
            told = event["t"]
    first, last = steps[0], steps[-1]
    paused += sum(event["seconds"] for event in events if event["type"] == "snapshot" and first["t"] < event["t"] <= last["t"])
    return float((last["step"] - first["step"]) * BATCH / (last["t"] - first["t"] - paused))


def measure_once(shop: Workshop, steps: int, seed: int) -> tuple[RunFolder, dict[str, float]]:
    """Train both once, and return our run and the figures."""
    run, ours = train_ours(shop, steps, seed)
    plain = train_plainly(shop, run, steps)
    rate = pairs_per_second(list(read_events(run.events_path)))
    figures = {
        "ratio_to_script": rate / plain["pairs_per_second"],
        **{f"short_{name}": share for name, share in cost_of_watching(run).items()},
        "stsb_gap": abs(ours - plain["pearson"]),
        "pairs_per_second": rate,
        "script_pairs_per_second": plain["pairs_per_second"],
        "pearson": ours,
        "script_pearson": plain["pearson"],
    }
    if run.resolved()["machine"]["device"] == "cuda":
        figures["ratio_to_bf16_script"] = rate / train_plainly(shop, run, steps, score=False, bf16=True)["pairs_per_second"]
    return run, figures


def affordable_steps(shop: Workshop) -> int:
    """Train a few steps both ways, which also warms what is cached, and return how many fit into what is left of five minutes."""
    began = time.monotonic()
    shop.keep_rows(SHORT_STEPS, 0)
    run, _ = train_ours(shop, SHORT_STEPS, 0)
    before_script = time.monotonic()
    rate = train_plainly(shop, run, 2 * SHORT_STEPS, score=False)["pairs_per_second"]
    starting = time.monotonic() - before_script - 2 * SHORT_STEPS * BATCH / rate
    # Each time: the script starts and scores, and so does ours, whose watching and checkpoints take a tenth more.
    a_time = (WHOLE_SECONDS - (time.monotonic() - began)) / REPEATS
    pairs = (a_time - 1.5 * starting) * rate - 2 * PAIRS_A_SCORING
    return max(FEWEST_STEPS, int(pairs / 2.1 / BATCH))


def measure(shop: Workshop, asked_steps: int | None) -> dict[str, Any]:
    """Measure everything three times and return what is printed."""
    steps = shop.keep_rows(asked_steps or affordable_steps(shop), 1)
    samples: dict[str, list[float]] = {}
    for seed in range(1, REPEATS + 1):
        run, figures = measure_once(shop, steps, seed)
        print(figures, file=sys.stderr)
        for name, value in figures.items():
            samples.setdefault(name, []).append(round(value, 5))
    watched = {name: round(share, 5) for name, share in watch_triplets(shop).items()}
    resolved = run.resolved()
    precision, sampler = (resolved["settings"][name]["value"] for name in ("precision", "sampler"))
    chosen = {"bf16": {"used": precision == "bf16", "precision": precision, "why": resolved["machine"]["why"]}}
    medians = {name: statistics.median(values) for name, values in samples.items()}
    return medians | watched | chosen | {"sampler": sampler, "steps": steps, "batch_size": BATCH, "samples": samples} | {
        "commands": shop.commands,
        "machine": {
            "device": resolved["machine"]["device_name"],
            "cores": psutil.cpu_count(),
            "python": platform.python_version(),
            "torch": version("torch"),
        },
    }  # fmt: skip


def main() -> int:
    """Print one line of JSON; 1 where a part could not run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--steps", type=int)
    given = parser.parse_args()
    if given.data_dir is None or not all((given.data_dir / name).is_dir() for name in ("snli", "stsb")):
        print("It takes a data folder with snli and stsb: --data-dir DIR.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        shop = Workshop(Path(folder), given.data_dir.resolve(), [])
        try:
            print(json.dumps(measure(shop, given.steps)))
        except (subprocess.SubprocessError, PartFailed, OSError, KeyError) as error:
            print(f"A part could not run: {one_sentence(error)}", file=sys.stderr)
            return 1
        finally:
            end_supervisor(shop.runs_dir)
    return 0


if __name__ == "__main__":
    sys.exit(main())
