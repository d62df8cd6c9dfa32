"""Models fetched from the Hub: a fake of the library's one call, faults as the library raises them, servers that are silent."""

import importlib
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

from core.base_models import PRETRAINED, SENTENCE, is_here, kind_of, model_folder
from core.config import build_config
from core.errors import ConfigError, ModelError
from core.hosting import LIMITS, MEGABYTE
from core.hub_fetch import download, fetch_model
from core.hub_models import HubModel, fetched_models, model_job_folder
from core.prompts import prompts_of
from core.run_log import RunLog
from core.run_store import create_folder
from core.visitors import new_token, owner_of, shelf_of
from tests.small_models import write_sentence_model
from tests.test_hub import hub as hub
from tests.test_hub import silent_hub as silent_hub
from tests.test_hub_models import cache as cache
from tests.test_hub_models import plain as plain

# The library's client, whichever this version is built on.
client = importlib.import_module(HfHubHTTPError.__bases__[0].__module__.partition(".")[0])


class Told:
    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int]] = []

    def __call__(self, phase: str, done: int, total: int) -> None:
        self.steps.append((phase, done, total))


def give(source: Path, without: str = "") -> Any:
    """Return a fake of `snapshot_download` that copies a folder's files, as the real one fills `local_dir`."""

    def snapshot_download(repo_id: str, *, local_dir: str, tqdm_class: Any, **_: Any) -> str:
        with tqdm_class(total=2_000, unit="B", unit_scale=True) as transfer, tqdm_class(total=3, desc="Fetching") as files:
            transfer.update(2_000)
            files.update(3)
        shutil.copytree(source, local_dir, dirs_exist_ok=True)
        (Path(local_dir) / ".cache").mkdir(exist_ok=True)
        if without:
            (Path(local_dir) / without).unlink()
        return local_dir

    return snapshot_download


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand for the Hub's list of a model's files, 100 MB each; a test may change what it holds."""
    names = ["config.json", "model.safetensors", "pytorch_model.bin"]

    def model_info(repo_id: str, *, revision: str, files_metadata: bool) -> Any:
        assert files_metadata
        return SimpleNamespace(siblings=[SimpleNamespace(rfilename=name, size=100 * MEGABYTE) for name in names])

    monkeypatch.setattr(huggingface_hub, "model_info", model_info)
    return names


def fail(error: Exception) -> Any:
    def snapshot_download(*_: Any, **__: Any) -> str:
        raise error

    return snapshot_download


def answered(kind: type[HfHubHTTPError], status: int) -> HfHubHTTPError:
    return kind("refused", response=client.Response(status, request=client.Request("GET", "http://hub")))


def test_fetched_model_lies_where_it_is_looked_for(
    hub: str, plain: Path, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", give(plain))
    run = create_folder(
        model_job_folder(runs_dir, "owner/name@v1"), build_config({"kind": "fetch-model", "base_model": "owner/name@v1"}), None
    )
    fetch_model(RunLog(run))
    status = run.status()
    assert status is not None and (status.state, status.detail.startswith("owner/name@v1 is here, ")) == ("done", True)
    folder = model_folder("owner/name@v1", runs_dir)
    assert folder == runs_dir / ".models" / "owner--name@v1"
    assert not (folder / ".cache").exists() and not list(folder.parent.glob(".*.part"))
    assert kind_of("owner/name@v1", runs_dir) == PRETRAINED
    assert fetched_models(runs_dir) == ["owner/name@v1"]
    assert not is_here("owner/name", runs_dir), "another revision is another model"


def test_fetched_entry_of_the_catalogue_is_not_listed_twice(
    hub: str, runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_sentence_model(tmp_path / "source")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", give(source))
    config = build_config({"kind": "fetch-model", "base_model": "e5-small-v2"})
    fetch_model(RunLog(create_folder(model_job_folder(runs_dir, "e5-small-v2"), config, None)))
    assert is_here("e5-small-v2", runs_dir) and is_here("intfloat/e5-small-v2", runs_dir)
    assert kind_of("e5-small-v2", runs_dir) == SENTENCE
    assert prompts_of(config, runs_dir) == {"query": "query: ", "passage": "passage: "}
    assert fetched_models(runs_dir) == []


def test_only_what_is_safe_and_needed_is_asked_for(
    hub: str, tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def snapshot_download(repo_id: str, **options: Any) -> str:
        asked.update(options, repo_id=repo_id)
        return str(give(plain)(repo_id, **options))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    told = Told()
    download(HubModel("owner/name", "v1"), tmp_path / "here", told)
    assert (asked["repo_id"], asked["revision"]) == ("owner/name", "v1")
    repository = [
        "model.safetensors", "config.json", "tokenizer.json", "vocab.txt", "1_Pooling/config.json", "spiece.model",
        "pytorch_model.bin", "modeling_own.py", "tf_model.h5", "onnx/model.safetensors", "openvino/config.json", "rust_model.ot",
    ]  # fmt: skip
    patterns = {"allow_patterns": asked["allow_patterns"], "ignore_patterns": asked["ignore_patterns"]}
    assert list(huggingface_hub.utils.filter_repo_objects(repository, **patterns)) == repository[:6]
    assert told.steps == [("Asking the Hub", 0, 1), ("Downloading bytes", 2_000, 2_000)]


def test_model_with_pickles_only_is_refused_before_a_file_of_it_comes(
    hub: str, listed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed[:] = ["config.json", "pytorch_model.bin", "onnx/model.safetensors"]
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail(AssertionError("was asked for all the same")))
    with pytest.raises(ModelError, match="owner/name has only pickle weights"):
        download(HubModel("owner/name"), tmp_path / "models" / "here", Told())


def test_model_with_pickles_only_is_refused_and_nothing_of_it_kept(
    hub: str, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shutil.copytree(plain, tmp_path / "source")
    (source / "pytorch_model.bin").write_bytes(b"")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", give(source, without="model.safetensors"))
    with pytest.raises(ModelError, match="owner/name has only pickle weights"):
        download(HubModel("owner/name"), tmp_path / "models" / "here", Told())
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (answered(GatedRepoError, 403), "its owner asks for your consent; accept the terms at .*/owner/name"),
        (answered(RepositoryNotFoundError, 401), "the Hub shows no such model; check its id"),
        (answered(RevisionNotFoundError, 404), "the Hub shows no such model"),
        (answered(HfHubHTTPError, 503), "broke off"),
        (client.ReadError("reset"), r"broke off \(ReadError\); press Get again"),
        (ConnectionResetError("reset"), "broke off"),
    ],
)
def test_fault_of_the_hub_becomes_a_sentence(
    hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail(error))
    with pytest.raises(ModelError, match=says) as caught:
        download(HubModel("owner/name"), tmp_path / "here", Told())
    assert len(str(caught.value)) <= 300
    assert not (tmp_path / "here").exists()


def test_full_disk_is_left_to_the_worker_to_tell(hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        download(HubModel("owner/name"), tmp_path / "here", Told())


def test_next_try_goes_on_from_what_came(hub: str, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(repo_id: str, *, local_dir: str, **_: Any) -> str:
        (Path(local_dir) / "came-before.json").write_text("{}")
        raise ConnectionResetError

    monkeypatch.setattr(huggingface_hub, "snapshot_download", broken)
    with pytest.raises(ModelError, match="it goes on where it ended"):
        download(HubModel("owner/name"), tmp_path / "here", Told())
    monkeypatch.setattr(huggingface_hub, "snapshot_download", give(plain))
    download(HubModel("owner/name"), tmp_path / "here", Told())
    assert (tmp_path / "here" / "came-before.json").is_file()


def test_half_a_file_is_not_taken_for_the_model(hub: str, tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def handed_back(repo_id: str, *, local_dir: str, **options: Any) -> str:
        give(plain)(repo_id, local_dir=local_dir, **options)
        (Path(local_dir) / ".cache" / "model.safetensors.incomplete").write_bytes(b"half")
        return local_dir

    monkeypatch.setattr(huggingface_hub, "snapshot_download", handed_back)
    with pytest.raises(ModelError, match="broke off"):
        download(HubModel("owner/name"), tmp_path / "here", Told())
    assert list(tmp_path.glob(".here.part/.cache/*.incomplete")), "what came is kept"


@pytest.mark.usefixtures("silent_hub")
def test_silent_network_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not answer; check the network"):
        download(HubModel("owner/name"), tmp_path / "here", Told())
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == []


def test_what_is_no_model_of_the_hub_cannot_be_fetched(runs_dir: Path) -> None:
    config = build_config({"kind": "fetch-model", "base_model": "static-minilm"})
    run = create_folder(model_job_folder(runs_dir, "static-minilm"), config, None)
    with pytest.raises(ConfigError, match="is no model of the Hub; write owner/name"):
        fetch_model(RunLog(run))


@pytest.mark.parametrize(("shards", "said"), [(6, "has 700 MB, and 600 are the most"), (4, "may take 600 in all; delete a run")])
def test_visitor_gets_no_model_beyond_the_limits_and_nothing_of_it_comes(
    hub: str, listed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shards: int, said: str
) -> None:
    shelf = shelf_of(tmp_path, owner_of(new_token()))
    listed[:] = ["config.json", *(f"model-{number}.safetensors" for number in range(shards)), "pytorch_model.bin"]
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail(AssertionError("was asked for all the same")))
    monkeypatch.setattr("core.hosting.used_bytes", lambda folder: LIMITS.disk // 3 if folder == shelf else 0)
    with pytest.raises(ModelError, match=said):
        download(HubModel("owner/name"), shelf / ".models" / "owner--name", Told())
