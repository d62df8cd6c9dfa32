"""Where a model is found, what kind it is, and what is refused before anything is loaded."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.base_models import (
    BASE_MODELS,
    PRETRAINED,
    RANDOM,
    SENTENCE,
    STATIC,
    bundled_folder,
    is_here,
    kind_of,
    length_limit,
    max_positions,
    model_folder,
    tokenizer_file,
)
from core.errors import ModelError
from tests.small_models import queue_run, write_sentence_model, write_tokenizer, write_transformer
from tests.test_layering import HEAVY, ROOT

WEB_MODULES = "core.base_models, core.prompts, core.hub_models, core.hub_fetch, core.model_choice, core.model_facts"


@pytest.fixture(autouse=True)
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no-cache"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_transformer(tmp_path_factory.mktemp("plain"))


@pytest.fixture
def copy(plain: Path, tmp_path: Path) -> Path:
    """A plain folder that a test may spoil."""
    shutil.copytree(plain, tmp_path / "copy")
    return tmp_path / "copy"


def edit_config(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_modules_about_models_load_no_training_library() -> None:
    code = f"import sys, {WEB_MODULES}\nprint([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr[-500:]


def test_shipped_models_are_built_from_the_bundled_files() -> None:
    shipped = [spec.id for spec in BASE_MODELS.values() if spec.hub_id is None]
    assert shipped == ["static-minilm", "static-random", "all-minilm-l6-v2", "minilm-from-nothing"]
    assert {model_folder(name) for name in shipped} == {bundled_folder()}
    assert [kind_of(name) for name in shipped] == [STATIC, STATIC, SENTENCE, RANDOM]


def test_catalogue_model_of_the_hub_is_not_here_and_says_how_to_get_it(tmp_path: Path) -> None:
    assert kind_of("bert-base-uncased") == PRETRAINED
    assert kind_of("hub:BAAI/bge-small-en-v1.5") == kind_of("BAAI/bge-small-en-v1.5@main") == SENTENCE
    assert not is_here("bert-base-uncased", tmp_path)
    with pytest.raises(ModelError, match="press Get on the Model tab, or run python -m core fetch-model bert-base-uncased"):
        model_folder("bert-base-uncased", tmp_path)


def test_unknown_model_of_the_hub_has_no_kind_before_it_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="owner/unheard-of is not here; press Get"):
        kind_of("owner/unheard-of", tmp_path)


@pytest.mark.parametrize("name", ["", "nonsense", "no/such/folder", "~nobody-here/model", "x" * 5000, "hub:../../etc"])
def test_name_of_nothing_is_refused_with_what_could_be_meant(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"not in the catalogue .* no owner/name of the Hub and no run:<id>") as caught:
        model_folder(name, tmp_path)
    assert len(str(caught.value)) < 300


def test_folders_tell_their_kind(plain: Path, tmp_path: Path) -> None:
    assert kind_of(str(plain)) == PRETRAINED
    assert kind_of(str(write_sentence_model(tmp_path / "sentence"))) == SENTENCE
    static = tmp_path / "static"
    static.mkdir()
    (static / "model.safetensors").write_bytes(b"")
    modules = [{"idx": 0, "path": "", "type": "sentence_transformers.models.StaticEmbedding"}]
    (static / "modules.json").write_text(json.dumps(modules))
    assert kind_of(str(static)) == STATIC


def test_pickle_alone_is_refused(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match="only pickle weights, which can run code"):
        model_folder(str(copy))


def test_folder_without_weights_is_refused(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="has no safetensors weights"):
        model_folder(str(copy))


def test_folder_with_a_part_of_its_weights_is_refused(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "model-00001-of-00002.safetensors")
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))
    with pytest.raises(ModelError, match="lacks 1 of its weights' files"):
        model_folder(str(copy))


@pytest.mark.parametrize("model_type", ["vit", "wav2vec2-bert", "clip_text_model", "siglip", "vision-encoder-decoder", "whisper"])
def test_model_of_pictures_or_sound_is_refused(copy: Path, model_type: str) -> None:
    edit_config(copy, model_type=model_type)
    with pytest.raises(ModelError, match="is no text model"):
        model_folder(str(copy))


@pytest.mark.parametrize("model_type", ["bert", "visual_bert", "data2vec-text", "t5"])
def test_model_that_reads_text_is_not_taken_for_one_that_does_not(copy: Path, model_type: str) -> None:
    edit_config(copy, model_type=model_type)
    assert model_folder(str(copy)) == copy


def test_model_without_tokenizer_is_refused(copy: Path) -> None:
    for path in [*copy.glob("tokenizer*"), *copy.glob("vocab*")]:
        path.unlink()
    with pytest.raises(ModelError, match="has no tokenizer"):
        model_folder(str(copy))


def test_cross_encoder_is_refused_as_base_model(copy: Path) -> None:
    edit_config(copy, architectures=["BertForSequenceClassification"])
    with pytest.raises(ModelError, match="gives no sentence embeddings; choose it as judge or teacher"):
        model_folder(str(copy))


def test_model_with_code_of_its_own_is_refused(tmp_path: Path) -> None:
    folder = write_sentence_model(tmp_path / "own-code")
    (folder / "modules.json").write_text(json.dumps([{"idx": 0, "path": "", "type": "custom_st.Transformer"}]))
    with pytest.raises(ModelError, match="code of its own, which the studio never runs"):
        model_folder(str(folder))


def test_finished_run_is_static_or_a_sentence_model(runs_dir: Path) -> None:
    run = queue_run(runs_dir, "minilm-from-nothing")
    write_sentence_model(run.path / "model")
    assert kind_of(f"run:{run.id}", runs_dir) == SENTENCE
    assert model_folder(f"run:{run.id}", runs_dir) == run.path / "model"
    assert tokenizer_file(f"run:{run.id}", runs_dir) == run.path / "model" / "tokenizer.json"


def test_queued_chain_is_described_by_what_it_starts_from(runs_dir: Path) -> None:
    first = queue_run(runs_dir, "minilm-from-nothing", max_seq_length=48)
    second = queue_run(runs_dir, f"run:{first.id}", max_seq_length=32)
    third = queue_run(runs_dir, f"run:{second.id}")
    name = f"run:{third.id}"
    assert kind_of(name, runs_dir) == SENTENCE
    assert tokenizer_file(name, runs_dir) == bundled_folder() / "tokenizer.json"
    assert (length_limit(name, runs_dir), length_limit(f"run:{first.id}", runs_dir)) == (32, 48)
    assert kind_of(f"run:{queue_run(runs_dir, 'static-random').id}", runs_dir) == STATIC
    with pytest.raises(ModelError, match=r"has not finished yet; wait for its model"):
        model_folder(name, runs_dir)


def test_run_that_left_no_model_is_refused(runs_dir: Path) -> None:
    run = queue_run(runs_dir, "static-minilm")
    run.set_status(state="failed", finished=1.0)
    for ask in (model_folder, kind_of, tokenizer_file, length_limit):
        with pytest.raises(ModelError, match=r"left no model \(failed\); run it again"):
            ask(f"run:{run.id}", runs_dir)


@pytest.mark.parametrize(
    ("name", "says"), [("run:", "names no run"), ("run:../x", "names no run"), ("run:gone", "there is no run")]
)
def test_run_that_is_none_is_refused(runs_dir: Path, name: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        kind_of(name, runs_dir)


def test_runs_that_start_from_one_another_are_refused(runs_dir: Path) -> None:
    run = queue_run(runs_dir, "static-minilm")
    (run.path / "config.json").write_text(json.dumps({"base_model": f"run:{run.id}"}))
    for ask in (kind_of, tokenizer_file, length_limit):
        with pytest.raises(ModelError, match="start from one another"):
            ask(f"run:{run.id}", runs_dir)


def test_positions_that_are_never_used_are_not_counted() -> None:
    assert max_positions({"model_type": "mpnet", "max_position_embeddings": 514}) == 512
    assert max_positions({"model_type": "bert", "max_position_embeddings": 512}) == 512
    assert max_positions({"model_type": "gpt2", "n_positions": 1024}) == 1024
    assert max_positions({"model_type": "t5"}) is None


def test_limit_of_a_plain_folder_is_the_smaller_of_tokenizer_and_positions(copy: Path) -> None:
    assert length_limit(str(copy)) == 64
    (copy / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 40}))
    assert length_limit(str(copy)) == 40


def test_folder_whose_name_cannot_be_one_is_no_fault(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    assert not is_here("\0", tmp_path)
