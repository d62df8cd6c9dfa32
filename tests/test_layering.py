"""Who may import whom: core knows no page, and the page's process loads no training library."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "sentence_transformers", "transformers", "datasets", "umap", "numba", "sklearn", "mteb")
CORE_FILES = sorted((ROOT / "core").rglob("*.py"))
PAGE_FILES = [*sorted((ROOT / "ui").rglob("*.py")), ROOT / "app.py"]
PAGE_MODULES = (
    "app",
    "ui.layout",
    "ui.launch",
    "core.__main__",
    "core.supervisor",
    "core.worker",
    "ui.benchmark",
    "ui.measured_cards",
    "core.publishing",
    "huggingface_hub.hf_api",
    "huggingface_hub._commit_api",
)


def imports_of(source: str) -> set[str]:
    """Return the first names of everything that a source imports, wherever it stands."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def file_id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_imports_are_seen_in_every_form() -> None:
    source = "import a.b as x\ndef f():\n    from c.d import e\n    if x:\n        import g, h\n"
    assert imports_of(source) == {"a", "c", "g", "h"}


def test_both_layers_are_looked_at() -> None:
    assert ROOT / "core" / "config.py" in CORE_FILES
    assert ROOT / "ui" / "layout.py" in PAGE_FILES


@pytest.mark.parametrize("path", CORE_FILES, ids=file_id)
def test_core_knows_no_page(path: Path) -> None:
    assert not imports_of(path.read_text(encoding="utf-8")) & {"gradio", "ui", "app"}


@pytest.mark.parametrize("path", PAGE_FILES, ids=file_id)
def test_page_imports_no_training_library(path: Path) -> None:
    assert not imports_of(path.read_text(encoding="utf-8")) & set(HEAVY)


def test_process_of_page_and_command_line_loads_no_training_library() -> None:
    code = f"import sys, {', '.join(PAGE_MODULES)}\nprint('loaded:', *[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["loaded:"]), done.stderr[-500:]
