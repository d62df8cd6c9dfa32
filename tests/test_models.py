"""Models as they are loaded: fresh weights from the seed, prompts, lengths, and the fingerprint that scores are kept under."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from core.checkpoints import save_model
from core.errors import ConfigError, ModelError
from core.model_choice import PlainModel
from core.models import limit_length, load_model, load_plain, model_fingerprint
from tests.small_models import ARCHITECTURES, write_sentence_model, write_transformer

TEXTS = ["A cat sits on the mat.", "The report is due on Friday, before noon.", "Rain."]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A plain folder of each architecture."""
    yield {name: str(write_transformer(tmp_path_factory.mktemp(name), name)) for name in ARCHITECTURES}


def load(folder: str, **chosen: Any) -> SentenceTransformer:
    return load_model(PlainModel(folder, **chosen), Path("nowhere"), "cpu")


def encode(model: SentenceTransformer, texts: list[str] = TEXTS, **how: Any) -> np.ndarray:
    return model.encode(texts, show_progress_bar=False, **how)


@pytest.mark.parametrize("name", ["static-random", "minilm-from-nothing"])
def test_fresh_weights_come_from_the_seed_and_from_nothing_else(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = load_model(name, tmp_path, "cpu", seed=7)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert np.array_equal(encode(first), encode(load_model(name, tmp_path, "cpu", seed=7)))
    assert not np.allclose(encode(first), encode(load_model(name, tmp_path, "cpu", seed=8)))


def test_minilm_from_nothing_has_kept_no_weight_of_minilm(tmp_path: Path) -> None:
    models = (load_plain(name, tmp_path, "cpu") for name in ("minilm-from-nothing", "all-minilm-l6-v2"))
    fresh, trained = (dict(model.named_parameters()) for model in models)
    # The pooler's bias is zero in both: no embedding depends on it, so nobody has ever trained it.
    assert [name for name, weight in fresh.items() if torch.equal(weight, trained[name]) and "pooler" not in name] == []
    assert {name.split(".layer.")[1].split(".")[0] for name in fresh if ".layer." in name} == {"0", "1"}


def test_minilm_from_nothing_saves_and_loads_as_it_was(tmp_path: Path) -> None:
    model = load_model("minilm-from-nothing", tmp_path, "cpu")
    save_model(model, tmp_path / "saved")
    assert np.allclose(encode(load_plain(str(tmp_path / "saved"), tmp_path, "cpu")), encode(model), atol=1e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_plain_folder_is_read_with_mean_pooling(folders: dict[str, str], architecture: str) -> None:
    model = load(folders[architecture])
    tokens = encode(model, output_value="token_embeddings")
    assert np.allclose(encode(model), [each.numpy().mean(axis=0) for each in tokens], atol=1e-5)
    assert model.max_seq_length <= 66


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"frozen_layers": 3}, "frozen_layers: 3 layers cannot be frozen, nothing would be left to train; choose 2 or less"),
        ({"frozen_layers": 9}, "frozen_layers: 9 layers cannot be frozen, this model has 3; choose 2 or less"),
        ({"max_seq_length": 65}, "max_seq_length: 65 is more than this model reads; choose 64 or less"),
    ],
)
def test_what_a_transformer_cannot_do_is_refused(folders: dict[str, str], chosen: dict[str, int], says: str) -> None:
    for architecture in ("bert", "mpnet"):
        with pytest.raises(ConfigError, match=says):
            load(folders[architecture], **chosen)


@pytest.mark.parametrize("chosen", [{"pooling": "cls"}, {"frozen_layers": 1}, {"lora_rank": 4}])
def test_static_model_refuses_what_it_has_no_part_for(chosen: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(chosen))}: a static model cannot take this"):
        load("static-minilm", **chosen)


@pytest.mark.parametrize("name", ["static-minilm", "all-minilm-l6-v2"])
def test_prompts_are_used_alike_by_every_way_to_encode_and_saved(name: str, tmp_path: Path) -> None:
    prompts = {"query": "query: ", "passage": "passage: "}
    model, plain = load_model(PlainModel(name, prompts=prompts), tmp_path, "cpu"), load_plain(name, tmp_path, "cpu")
    save_model(model, tmp_path / "saved")
    queries, passages = (encode(plain, [prompt + text for text in TEXTS]) for prompt in prompts.values())
    assert not np.allclose(queries, passages, atol=1e-3)
    for each in (model, load_plain(str(tmp_path / "saved"), tmp_path, "cpu")):
        assert np.allclose(encode(each), queries, atol=1e-6)
        assert np.allclose(each.encode_query(TEXTS), queries, atol=1e-6)
        assert np.allclose(each.encode_document(TEXTS), passages, atol=1e-6)
    bare = load_model(PlainModel(str(tmp_path / "saved"), prompts={}), tmp_path, "cpu")
    assert np.allclose(encode(bare), encode(plain), atol=1e-6)


def test_prompt_for_passages_alone_leaves_queries_as_they_are(tmp_path: Path) -> None:
    model = load_model(PlainModel("static-minilm", prompts={"passage": "passage: "}), tmp_path, "cpu")
    plain = load_plain("static-minilm", tmp_path, "cpu")
    assert np.array_equal(encode(model), encode(plain))
    assert np.array_equal(model.encode_document(TEXTS), encode(plain, ["passage: " + text for text in TEXTS]))


def test_half_precision_weights_are_loaded_in_single_precision(tmp_path: Path) -> None:
    folder = write_transformer(tmp_path / "half", dtype=torch.float16)
    assert {weight.dtype for weight in load(str(folder)).parameters()} == {torch.float32}


def test_length_is_cut_as_chosen_also_where_a_model_is_static(tmp_path: Path) -> None:
    long = " ".join(["word"] * 100)
    for name in ("static-minilm", "all-minilm-l6-v2"):
        model = load_model(PlainModel(name, max_seq_length=16), tmp_path, "cpu")
        assert np.allclose(encode(model, [long]), encode(model, [long + " other"]), atol=1e-6)
    with pytest.raises(ConfigError, match="choose 512 or less"):
        limit_length(load_plain("all-minilm-l6-v2", tmp_path, "cpu"), 513)


def test_files_that_are_no_model_become_a_sentence(tmp_path: Path) -> None:
    folder = write_sentence_model(tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(str(folder))


def test_fingerprint_is_of_the_model_as_it_is_used(tmp_path: Path) -> None:
    def told(name: str = "all-minilm-l6-v2", seed: int = 1, **chosen: Any) -> str:
        return model_fingerprint(PlainModel(name, **chosen), tmp_path, seed)

    used = [
        told(), told(pooling="cls"), told(max_seq_length=32), told(prompts={"query": "q: "}), told("static-minilm"),
        told("static-random"), told("static-random", seed=2), told("minilm-from-nothing"), told("minilm-from-nothing", seed=2),
    ]  # fmt: skip
    assert len(set(used)) == len(used)
    assert told() == told(seed=2) == told(prompts={}) == told(frozen_layers=2) == model_fingerprint("all-minilm-l6-v2", tmp_path)


def test_fingerprint_changes_with_a_folders_weights(tmp_path: Path) -> None:
    folder = write_transformer(tmp_path / "model")
    before = model_fingerprint(str(folder), tmp_path)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    assert model_fingerprint(str(folder), tmp_path) != before
