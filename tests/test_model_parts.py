"""What a run changes of a model before its first step: pooling against numpy, frozen layers, LoRA and its merging."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer import losses

from core.checkpoints import save_model
from core.model_choice import PlainModel, count_trainable
from core.model_parts import layers_of, transformer_of
from core.models import freeze_layers, leave_mixed_precision, load_model, load_plain, merge_adapters
from tests.small_models import ARCHITECTURES
from tests.test_layering import ROOT
from tests.test_models import TEXTS, encode, load
from tests.test_models import folders as folders

POOLED = {
    "mean": lambda tokens: tokens.mean(axis=0),
    "cls": lambda tokens: tokens[0],
    "max": lambda tokens: tokens.max(axis=0),
    "mean_sqrt_len_tokens": lambda tokens: tokens.sum(axis=0) / np.sqrt(len(tokens)),
    "weightedmean": lambda tokens: np.average(tokens, axis=0, weights=np.arange(1, len(tokens) + 1)),
    "lasttoken": lambda tokens: tokens[-1],
}


def train_a_step(model: SentenceTransformer) -> None:
    model.train()
    features = model.preprocess(TEXTS)
    (model(features)["sentence_embedding"] ** 2).sum().backward()
    torch.optim.SGD([weight for weight in model.parameters() if weight.requires_grad], lr=0.1).step()
    model.eval()


def trainable(model: SentenceTransformer) -> int:
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


@pytest.mark.parametrize("mode", POOLED)
def test_pooling_is_what_its_name_says(folders: dict[str, str], mode: str) -> None:
    model = load(folders["bert"], pooling=mode)
    (tokens,) = encode(model, TEXTS[1:2], output_value="token_embeddings")
    # In company of other texts, so that padding is seen to count for nothing.
    assert np.allclose(encode(model)[1], POOLED[mode](tokens.numpy()), atol=1e-5)


def test_pooling_replaces_the_models_own_and_is_saved(tmp_path: Path) -> None:
    model = load_model(PlainModel("all-minilm-l6-v2", pooling="cls"), tmp_path, "cpu")
    save_model(model, tmp_path / "saved")
    again = load_plain(str(tmp_path / "saved"), tmp_path, "cpu")
    assert np.allclose(encode(again), encode(model), atol=1e-6)
    assert not np.allclose(encode(again), encode(load_plain("all-minilm-l6-v2", tmp_path, "cpu")), atol=1e-2)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("chosen", [{"frozen_layers": 2}, {"lora_rank": 2}, {"lora_rank": 2, "frozen_layers": 1}])
def test_count_of_trainable_weights_is_known_before_the_model_is_loaded(
    folders: dict[str, str], architecture: str, chosen: dict[str, int]
) -> None:
    choice = PlainModel(folders[architecture], **chosen)
    assert trainable(load_model(choice, Path("nowhere"), "cpu")) == count_trainable(choice)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_frozen_layers_get_no_gradient_and_do_not_move(folders: dict[str, str], architecture: str) -> None:
    model = load(folders[architecture], frozen_layers=2)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    train_a_step(model)
    lowest, second, top = layers_of(model)
    assert all(weight.grad is None for layer in (lowest, second) for weight in layer.parameters())
    assert any(weight.grad is not None for weight in top.parameters())
    moved = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert moved and all(".2." in name for name in moved), moved


def test_freezing_no_layers_leaves_all_weights_to_train(folders: dict[str, str]) -> None:
    model = load(folders["bert"], frozen_layers=0)
    freeze_layers(model, 0)
    assert trainable(model) == sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_lora_changes_nothing_at_first_and_trains_a_few_weights(folders: dict[str, str], architecture: str) -> None:
    plain, model = load(folders[architecture]), load(folders[architecture], lora_rank=2)
    assert np.allclose(encode(model), encode(plain), atol=1e-6)
    assert trainable(model) < 0.02 * trainable(plain)
    assert all("lora_" in name for name, weight in model.named_parameters() if weight.requires_grad)
    before = encode(model)
    train_a_step(model)
    train_a_step(model)
    assert not np.allclose(encode(model), before, atol=1e-6)


def test_merged_lora_is_saved_as_if_there_had_been_none(folders: dict[str, str], tmp_path: Path) -> None:
    model = load(folders["bert"], lora_rank=2, frozen_layers=1)
    for _ in range(3):
        train_a_step(model)
    trained = encode(model)
    merge_adapters(model)
    assert np.allclose(encode(model), trained, atol=1e-5)
    save_model(model, tmp_path / "saved")
    np.save(tmp_path / "trained.npy", trained)
    # A process that cannot import peft reads it all the same.
    code = (
        "import sys; sys.modules['peft'] = None\n"
        "import numpy as np\nfrom sentence_transformers import SentenceTransformer\n"
        f"model = SentenceTransformer({str(tmp_path / 'saved')!r}, device='cpu', local_files_only=True)\n"
        f"found = model.encode({TEXTS!r})\n"
        f"print(np.abs(found - np.load({str(tmp_path / 'trained.npy')!r})).max() < 1e-5)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "True", done.stderr[-500:]
    assert not list((tmp_path / "saved").glob("adapter*"))


def test_lora_begins_the_same_for_a_seed(folders: dict[str, str]) -> None:
    choice = PlainModel(folders["bert"], lora_rank=2)
    first, second, other = (load_model(choice, Path("nowhere"), "cpu", seed) for seed in (5, 5, 6))
    weights = [dict(model.named_parameters()) for model in (first, second, other)]
    name = next(name for name in weights[0] if "lora_A" in name)
    assert torch.equal(weights[0][name], weights[1][name]) and not torch.equal(weights[0][name], weights[2][name])


def test_model_trained_in_bf16_computes_as_the_saved_one_does(folders: dict[str, str], tmp_path: Path) -> None:
    model = load(folders["bert"], lora_rank=2)
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(tmp_path), max_steps=1, bf16=True, use_cpu=True, save_strategy="no", report_to="none", disable_tqdm=True
    )
    rows = Dataset.from_dict({"anchor": TEXTS, "positive": TEXTS[::-1]})
    SentenceTransformerTrainer(model, arguments, rows, loss=losses.MultipleNegativesRankingLoss(model)).train()
    in_bf16 = encode(model)
    leave_mixed_precision(model)
    trained = encode(model)
    assert np.abs(in_bf16 - trained).max() > 1e-5
    merge_adapters(model)
    save_model(model, tmp_path / "saved")
    assert np.allclose(encode(load_plain(str(tmp_path / "saved"), tmp_path, "cpu")), trained, atol=1e-6)


@pytest.mark.parametrize("name", ["static-minilm", "all-minilm-l6-v2"])
def test_merging_a_model_without_adapters_leaves_it_alone(name: str, tmp_path: Path) -> None:
    model = load_plain(name, tmp_path, "cpu")
    before = encode(model)
    merge_adapters(model)
    assert np.array_equal(encode(model), before)


def test_transformer_of_a_static_model_is_none(tmp_path: Path) -> None:
    model = load_plain("static-minilm", tmp_path, "cpu")
    assert transformer_of(model) is None and layers_of(model) == []
