"""Texts made ready to be searched: which are read, by whom, and what is kept of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.config import build_config
from core.errors import ConfigError, DataError, DivergenceError, MissingDataError
from core.files import read_json, write_json
from core.index_texts import TEXTS, VECTORS, read_texts
from core.jobs import ask
from core.places import Places
from core.run_log import RunLog, Stopped
from core.runs import RunFolder


def asked(
    runs_dir: Path, models: tuple[str, ...] = ("static-minilm",), data: str = "sample", **settings: str | float
) -> RunFolder:
    values = {"kind": "measure", "task": "index", "models": models, "data": data, "task_settings": settings}
    return ask(build_config(values), Places(None, runs_dir))


def indexed(run: RunFolder) -> dict[str, object]:
    """Do the work as a worker does it."""
    from core.indexing import measure
    from core.measuring import ANSWER

    answer = measure(RunLog(run))
    write_json(run.path / ANSWER, answer | {"task": "index"})
    return answer


def write_texts(folder: Path, *texts: str | None) -> str:
    path = folder / "texts.csv"
    pd.DataFrame({"text": texts, "note": [f"note {number % 2}" for number in range(len(texts))]}).to_csv(path, index=False)
    return f"file:{path}"


def texts_of(data: str, **settings: str | float) -> list[str]:
    values = {"kind": "measure", "task": "index", "models": ("static-minilm",), "data": data, "task_settings": settings}
    return read_texts(build_config(values), Places()).texts


def test_each_text_counts_once_and_blank_ones_not_at_all(tmp_path: Path) -> None:
    data = write_texts(tmp_path, "A cat sleeps here.", " A cat sleeps here. ", "", None, "A dog barks at night.")
    assert texts_of(data, column="text") == ["A cat sleeps here.", "A dog barks at night."]
    assert texts_of(data, column="note") == ["note 0", "note 1"]


def test_without_a_column_every_column_of_texts_is_read_row_by_row() -> None:
    rows = pd.read_csv(Path(__file__).parent.parent / "core" / "sample" / "train.csv")
    expected = list(dict.fromkeys(rows[["premise", "hypothesis"]].to_numpy().ravel()))
    assert texts_of("sample") == expected
    assert texts_of("sample", column="premise") == list(dict.fromkeys(rows["premise"]))


def test_texts_beyond_the_most_are_left_out_and_said_so() -> None:
    config = build_config({"kind": "measure", "task": "index", "models": ("static-minilm",), "task_settings": {"most": 3}})
    found = read_texts(config, Places())
    assert len(found.texts) == 3
    assert found.is_cut


@pytest.mark.parametrize(
    ("column", "texts", "said"),
    [("text", (None, " ", None), "no text there"), ("title", ("A cat sleeps here.",), "no column title")],
)
def test_no_text_and_no_such_column_are_one_sentence(
    tmp_path: Path, column: str, texts: tuple[str | None, ...], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        texts_of(write_texts(tmp_path, *texts), column=column)


def test_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="There is no file"):
        texts_of(f"file:{tmp_path / 'gone.csv'}")


def test_vectors_are_those_of_the_library_in_fp32_and_normalised(runs_dir: Path) -> None:
    from core.models import build_static_minilm

    run = asked(runs_dir, ("static-minilm", "static-random"), most=300)
    answer = indexed(run)
    texts = pd.read_parquet(run.path / TEXTS)["text"].tolist()
    before, after = (np.load(run.path / name) for name in VECTORS)
    assert answer["texts"] == len(texts) == 300
    assert before.dtype == np.float32
    assert (before.shape, after.shape) == ((300, 384), (300, 256))
    expected = build_static_minilm("cpu").encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(before, expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1, atol=1e-5)


def test_texts_are_read_with_the_prompt_of_passages(runs_dir: Path, tmp_path: Path) -> None:
    from core.model_parts import set_prompts
    from core.models import build_static_minilm

    model = build_static_minilm("cpu")
    set_prompts(model, {"query": "question: ", "passage": "an answer about ships: "})
    model.save_pretrained(str(tmp_path / "prompted"), create_model_card=False)
    run = asked(runs_dir, (str(tmp_path / "prompted"),), most=4)
    indexed(run)
    texts = pd.read_parquet(run.path / TEXTS)["text"].tolist()
    expected = model.encode([f"an answer about ships: {text}" for text in texts], prompt="", normalize_embeddings=True)
    np.testing.assert_allclose(np.load(run.path / VECTORS[0]), expected, atol=1e-6)


def test_same_model_does_not_read_the_same_texts_twice(runs_dir: Path) -> None:
    first, second = asked(runs_dir, most=50), asked(runs_dir, ("static-minilm", "static-random"), most=50)
    indexed(first)
    models = indexed(second)["models"]
    assert isinstance(models, list)
    assert [model["read_before"] for model in models] == [True, False]
    np.testing.assert_array_equal(np.load(first.path / VECTORS[0]), np.load(second.path / VECTORS[0]))
    assert indexed(asked(runs_dir, most=51))["models"][0]["read_before"] is False  # type: ignore[index]


def test_same_question_is_one_folder(runs_dir: Path) -> None:
    assert asked(runs_dir, most=5).id == asked(runs_dir, most=5).id != asked(runs_dir, most=6).id


def test_three_models_are_refused(runs_dir: Path) -> None:
    with pytest.raises(ConfigError, match="side by side"):
        indexed(asked(runs_dir, ("static-minilm", "static-random", "minilm-from-nothing"), most=5))


@pytest.mark.parametrize(("weights", "said"), [(float("nan"), "no numbers"), (1.0, "same embedding")])
def test_diverged_and_constant_models_are_refused(runs_dir: Path, tmp_path: Path, weights: float, said: str) -> None:
    import torch

    from core.models import build_static_minilm

    model = build_static_minilm("cpu")
    with torch.no_grad():
        model[0].embedding.weight.fill_(weights)
    model.save_pretrained(str(tmp_path / "broken"), create_model_card=False)
    run = asked(runs_dir, (str(tmp_path / "broken"),), most=20)
    with pytest.raises(DivergenceError, match=said):
        indexed(run)
    assert not (run.path / VECTORS[0]).exists()


def test_cancelled_reading_leaves_no_vectors_that_look_whole(runs_dir: Path) -> None:
    run = asked(runs_dir, most=600)
    run.request_stop()
    with pytest.raises(Stopped):
        indexed(run)
    assert not (run.path / VECTORS[0]).exists()


def test_oldest_texts_are_forgotten_when_all_are_too_large(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import core.indexing

    old, new = asked(runs_dir, most=50), asked(runs_dir, most=60)
    indexed(old)
    RunLog(old).end("done", "")
    monkeypatch.setattr(core.indexing, "MOST_KEPT_BYTES", 60 * 384 * 4 + 1000)
    indexed(new)
    assert not old.path.exists()
    assert (new.path / VECTORS[0]).is_file()


def test_answer_is_a_card_that_escapes_what_a_file_is_called(runs_dir: Path) -> None:
    from ui.measured_cards import measured_card

    run = asked(runs_dir, most=5)
    indexed(run)
    answer = read_json(run.path / "measured.json")
    assert "5 texts from the sample" in measured_card(answer)
    assert "the rest was over the number" in measured_card(answer)
    assert "<b>x" not in measured_card(answer | {"found": "<b>x.csv"})
