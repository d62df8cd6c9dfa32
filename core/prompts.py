"""The prompts: what is put before a text by its role. A question and what answers it may each have one of its own."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from core.base_models import asked_of_unfinished, model_folder
from core.files import read_json
from core.hub_models import spec_of
from core.model_choice import ModelChoice, PlainModel

QUERY, PASSAGE = "query", "passage"
PASSAGE_COLUMNS = ("positive", "negative", "passage", "document")
# The first are no texts. The last is what a decoder has to write, not what the encoder reads.
WITHOUT_PROMPT = frozenset({"label", "score", "original"})
# The library asks for the passages' prompt by any of these names.
PASSAGE_NAMES = ("document", "passage", "corpus")


def role_of(column: str) -> str | None:
    """Return the role of an example's column, "query" or "passage", or None for one that gets no prompt."""
    if column in WITHOUT_PROMPT:
        return None
    return PASSAGE if column.startswith(PASSAGE_COLUMNS) else QUERY


def prompt_for(column: str, prompts: Mapping[str, str]) -> str:
    """Return what is put before the texts of a column; both texts of a symmetric pair are queries."""
    return prompts.get(role_of(column) or "", "")


def column_prompts(columns: Iterable[str], prompts: Mapping[str, str]) -> dict[str, str]:
    """Return the prompts by column, those without left out, as `SentenceTransformerTrainingArguments(prompts=...)` takes them."""
    return {column: prompt for column in columns if (prompt := prompt_for(column, prompts))}


def prompts_of(choice: ModelChoice, runs_dir: Path | None = None) -> dict[str, str]:
    """Return the prompts that a model is used with, by role: as chosen, else the catalogue's, else those saved in the model.

    Raises:
        ModelError: the model is not here.
    """
    given = choice.prompts
    if given is None:
        given = _own_prompts(choice.base_model, runs_dir)
    return {role: given[role] for role in (QUERY, PASSAGE) if given.get(role)}


def _own_prompts(base_model: str, runs_dir: Path | None) -> Mapping[str, str]:
    spec = spec_of(base_model)
    if spec is not None:
        return spec.prompts
    asked = asked_of_unfinished(base_model, runs_dir)
    if asked is not None:
        return prompts_of(PlainModel(str(asked.get("base_model", "")), prompts=asked.get("prompts")), runs_dir)
    return saved_prompts(model_folder(base_model, runs_dir))


def saved_prompts(folder: Path) -> dict[str, str]:
    """Return the prompts that were saved with a model, by our two roles."""
    config: Mapping[str, Any] = read_json(folder / "config_sentence_transformers.json") or {}
    saved: Mapping[str, Any] = config.get("prompts") or {}
    query = saved.get(QUERY) or saved.get(config.get("default_prompt_name") or "")
    passage = next((saved[name] for name in PASSAGE_NAMES if saved.get(name)), "")
    return {role: str(text) for role, text in ((QUERY, query), (PASSAGE, passage)) if text}


def library_prompts(prompts: Mapping[str, str]) -> dict[str, str]:
    """Return prompts under the names by which the library's `encode_query` and `encode_document` look for them."""
    passage = prompts.get(PASSAGE, "")
    return {QUERY: prompts.get(QUERY, ""), "document": passage, PASSAGE: passage}
