"""Models of the Hub: how they are named, and found in its cache without a network."""

from pathlib import Path

import huggingface_hub
import pytest

from core.base_models import PRETRAINED, kind_of, length_limit, model_folder, tokenizer_file
from core.errors import ModelError
from core.hub_models import HubModel, cached_folder, fetched_model_folder, hub_model, model_job_folder, spec_of
from core.models import load_plain
from tests.small_models import write_hub_cache, write_transformer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_transformer(tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("owner/name", HubModel("owner/name")),
        ("hub:owner/name", HubModel("owner/name")),
        ("owner/name@refs/pr/1", HubModel("owner/name", "refs/pr/1")),
        ("bge-small-en-v1.5", HubModel("BAAI/bge-small-en-v1.5")),
        ("static-minilm", None),
        ("run:20250101-x", None),
        ("/tmp/model", None),
        ("a/b/c", None),
        ("owner/..", None),
        ("owner/name@../../x", None),
        ("owner/name@", None),
    ],
)
def test_names_of_the_hub_are_told_from_others(name: str, model: HubModel | None) -> None:
    assert hub_model(name) == model


def test_names_make_folders_that_stay_where_they_are_put(tmp_path: Path) -> None:
    assert fetched_model_folder(tmp_path, HubModel("owner/name", "refs/pr/1")) == tmp_path / ".models" / "owner--name@refs--pr--1"
    assert model_job_folder(tmp_path, "owner/name") == tmp_path / ".fetching" / "model-owner--name"
    assert model_job_folder(tmp_path, "../../etc").parent == tmp_path / ".fetching"
    assert model_job_folder(tmp_path, "e5-small-v2") == model_job_folder(tmp_path, "intfloat/e5-small-v2")


def test_catalogue_knows_a_model_also_by_its_id_on_the_hub() -> None:
    spec = spec_of("hub:BAAI/bge-small-en-v1.5")
    assert spec is not None and spec.pooling == "cls"
    assert spec_of("owner/name") is None


@pytest.mark.parametrize("revision", ["main", "refs/pr/1"])
def test_cached_model_is_found_where_the_library_finds_it(cache: Path, plain: Path, revision: str) -> None:
    snapshot = write_hub_cache(cache, "owner/name", plain, revision)
    found = huggingface_hub.try_to_load_from_cache("owner/name", "config.json", cache_dir=cache, revision=revision)
    assert cached_folder(HubModel("owner/name", revision)) == snapshot == Path(str(found)).parent
    assert cached_folder(HubModel("owner/name", COMMIT)) == snapshot
    assert cached_folder(HubModel("owner/name", "other")) is None


def test_cached_model_is_described_and_loaded_offline(cache: Path, plain: Path, tmp_path: Path) -> None:
    write_hub_cache(cache, "owner/name", plain)
    for name in ("owner/name", "hub:owner/name@main"):
        assert (kind_of(name), length_limit(name)) == (PRETRAINED, 64)
        assert tokenizer_file(name) is not None
        assert load_plain(name, tmp_path, "cpu").encode(["a text"]).shape == (1, 16)


def test_catalogue_model_without_its_pooling_files_gets_the_catalogues_pooling(cache: Path, plain: Path, tmp_path: Path) -> None:
    """As the Hub's library keeps it for somebody who only ever loaded the transformer."""
    write_hub_cache(cache, "BAAI/bge-small-en-v1.5", plain)
    model = load_plain("bge-small-en-v1.5", tmp_path, "cpu")
    assert model[1].pooling_mode == "cls"
    assert not any(model.prompts.values())


def test_tokenizer_alone_in_the_cache_is_no_model(cache: Path, plain: Path, tmp_path: Path) -> None:
    (write_hub_cache(cache, "owner/name", plain) / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="is not here; press Get"):
        model_folder("owner/name", tmp_path)


def test_cached_pickle_is_refused(cache: Path, plain: Path, tmp_path: Path) -> None:
    snapshot = write_hub_cache(cache, "owner/name", plain)
    (snapshot / "model.safetensors").rename(snapshot / "pytorch_model.bin")
    with pytest.raises(ModelError, match="owner/name has only pickle weights"):
        kind_of("owner/name", tmp_path)
