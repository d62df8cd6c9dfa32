"""Source that is carried into a script: the studio's own, whole, and nothing that was not asked for."""

import inspect
from pathlib import Path

import pytest

from core import carrying, model_parts, sampling
from core.carrying import Name, carry, import_lines


def test_carried_source_is_the_very_source_with_all_that_it_needs() -> None:
    carried = carry([Name("core.sampling", "BucketedNoDuplicatesBatchSampler")], ())
    for each in (sampling.BucketedBatchSampler, sampling.pack, sampling.alike_order, sampling.shared_texts):
        assert inspect.getsource(each).rstrip() in carried.text
    assert "PART_BATCHES = 100" in carried.text and "# Sorted as a whole," in carried.text
    assert "BatchMeter" not in carried.text
    assert {"np", "torch", "DefaultBatchSampler"} <= carried.imports.keys()


def test_carried_source_runs_by_itself() -> None:
    carried = carry([Name("core.sampling", "alike_order"), Name("core.sampling", "pack")], ())
    code = f"{import_lines(carried.text, carried.imports)}\n{carried.text}\nfound = alike_order(np.array([[3], [1], [2]]), 1)\n"
    space: dict[str, object] = {}
    exec(compile(code, "carried", "exec"), space)
    assert list(space["found"]) == [1, 2, 0]  # type: ignore[call-overload]


def test_name_is_followed_to_the_module_that_defines_it() -> None:
    carried = carry([Name("core.loss_building", "FreshNoise"), Name("core.models", "freeze_layers")], {"ConfigError"})
    assert "def delete_words(" in carried.text and "DELETED_SHARE = 0.6" in carried.text
    assert inspect.getsource(model_parts.freeze_layers).rstrip() in carried.text
    assert carried.unknown == ("ConfigError",) and "class ConfigError" not in carried.text
    assert carried.text.index("def delete_words(") < carried.text.index("class FreshNoise")


def test_two_things_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    for module in ("one", "two"):
        (tmp_path / "core" / f"{module}.py").write_text("def same():\n    return 1\n")
    monkeypatch.setattr(carrying, "__file__", str(tmp_path / "core" / "carrying.py"))
    with pytest.raises(ValueError, match="same"):
        carry([Name("core.one", "same"), Name("core.two", "same")], ())


def test_imports_stand_in_their_usual_order() -> None:
    carried = carry(
        [Name("core.models", "build_static_minilm"), Name("core.loss_building", "build_denoising")], {"bundled_folder"}
    )
    lines = import_lines(carried.text, carried.imports).splitlines()
    assert lines.index("import shutil") < lines.index("from pathlib import Path") < lines.index("") < lines.index("import torch")
    assert "from core" not in import_lines(carried.text, carried.imports)
