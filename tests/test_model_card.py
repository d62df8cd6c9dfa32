"""The model card tells the truth, breaks neither YAML nor Markdown, and names nothing of this machine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from core.card_words import clean, code, front_matter, number, prose
from core.config import build_config
from core.errors import ModelError
from core.files import read_json, write_json
from core.model_card import model_card, use_lines
from core.run_store import create_run
from core.runs import RunFolder
from tests.shared_runs import HOME, SECRET_TEXT, ended_run, write_static_model

EVIL = (
    "# x\n---\nlicense: mit\n\"]: '`|<img src=x onerror=alert(1)> [a](http://evil.example) ![b](x) {{c}} \u202e www.evil.example"
)


def head_of(card: str) -> dict[str, Any]:
    """Return what YAML reads between the first two lines of dashes."""
    _, head, _ = card.split("---\n", 2)
    return dict(yaml.safe_load(head))


def change(run: RunFolder, name: str, **values: Any) -> None:
    write_json(run.path / name, read_json(run.path / name) | values)


def test_head_is_read_by_the_hub_and_says_where_the_model_is_from(runs_dir: Path) -> None:
    card = model_card(ended_run(runs_dir))
    head = head_of(card)
    assert ModelCard(card).data.to_dict()["library_name"] == "sentence-transformers"
    assert head["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert head["license"] == "apache-2.0"
    assert {"sentence-transformers", "loss:mnr", "feature-extraction"} <= set(head["tags"])
    assert "datasets" not in head and "model-index" not in head, "the sample is nobody else's to get"


def test_scores_on_public_data_are_listed_as_the_hub_reads_them(runs_dir: Path) -> None:
    run = ended_run(runs_dir, data="snli")
    for which, figure in (("before", 0.5), ("after", 0.75)):
        record = {"data": "stsb/validation", "figures": {"spearman_cosine": figure}, "pairs": 1500}
        write_json(run.path / "scores" / f"stsb-validation.{which}.json", record)
    card = model_card(run)
    results = ModelCard(card).data.eval_results
    assert results is not None
    assert [(each.dataset_type, each.metric_type, each.metric_value) for each in results] == [
        ("sentence-transformers/stsb", "spearman_cosine", 0.75)
    ]
    assert head_of(card)["datasets"] == ["stanfordnlp/snli"]
    assert "CC BY-SA 4.0" in card


def test_every_score_stands_with_its_interval_and_what_it_is_of(runs_dir: Path) -> None:
    card = model_card(ended_run(runs_dir))
    assert re.search(
        r"\| the sample's validation part, 60 pairs \| Spearman \| \.4000 \| \.9000 \| better: \+\.\d{4} to \+", card
    )
    assert re.search(r"\| your own held-out part, 60 positive pairs \| MRR@10 \| \.7500 \| 1\.0000 \| better: ", card)
    assert "Fell" not in card
    assert "was chosen by its figure on the sample's validation part" in card


def test_score_that_fell_is_said_to_have_fallen(runs_dir: Path) -> None:
    card = model_card(ended_run(runs_dir, fell=True))
    assert "- **Fell:** MRR@10 on your own held-out part, 60 positive pairs, from 1.0000 to .7500 (worse by −.25" in card


def test_run_that_was_not_scored_says_so(runs_dir: Path) -> None:
    run = ended_run(runs_dir)
    for path in (run.path / "scores").glob("*.after.json"):
        path.unlink()
    assert model_card(run).count("- Not scored after training: ") == 2
    for path in (run.path / "scores").iterdir():
        path.unlink()
    assert "nothing is known of how good this model is" in model_card(run)


def test_settings_stand_with_whose_choice_they_were(runs_dir: Path) -> None:
    card = model_card(ended_run(runs_dir, loss_params={"scale": 15.0}))
    assert "| batch size | 256 | yours |" in card
    assert "| learning rate | 0.005 | recipe |" in card
    assert "| loss | `mnr` `scale` 15 |" in card
    assert "- Training took 9 s, 12 s with scoring and saving." in card
    assert "torch `2.13.0`" in card and "| seed | 42 |" in card
    assert "1,920 rows were read, which gave 960 positive-pairs to train on." in card
    assert "Left out: 3 empty." in card


@pytest.mark.parametrize("place", [f"{HOME}/my pairs.csv", "~/pairs.csv", "relative/deep/pairs.csv"])
def test_folders_and_files_of_this_machine_are_called_by_their_bare_names(runs_dir: Path, tmp_path: Path, place: str) -> None:
    base = write_static_model(tmp_path / "deep" / "own-model")
    run = ended_run(runs_dir, data=f"file:{place}", base_model=str(base))
    change(run, "resolved.json", data=read_json(run.path / "resolved.json")["data"] | {"notes": [f"read from {HOME}/x"]})
    card = model_card(run)
    assert "`own-model`" in card and f"`file:{place.rpartition('/')[2]}`" in card
    for said in ("somebody", "private", str(tmp_path), "deep", "relative"):
        assert said not in card
    assert "base_model" not in head_of(card), "nobody else can get it"
    assert "license" not in head_of(card) and "not known to the studio" in card


def test_hostile_names_break_neither_the_head_nor_the_page(runs_dir: Path) -> None:
    run = ended_run(runs_dir, data=f"upload:{'a' * 64}", base_model="hub:owner/name")
    told = read_json(run.path / "resolved.json")
    change(
        run, "resolved.json", data=told["data"] | {"found": EVIL, "notes": [EVIL]}, machine={"device_name": EVIL, "device": EVIL}
    )
    card = model_card(run)
    head = head_of(card)
    assert head["base_model"] == "owner/name" and "license" not in head
    body = card.split("---\n", 2)[2]
    # Outside of `code`, where nothing is a mark, every mark is escaped.
    plain = re.sub(r"`[^`\n]*`", "", re.sub(r"```.*?```", "", body, flags=re.DOTALL))
    assert not re.search(r"(?<!\\)[<\[]", plain)
    assert "http://" not in plain and "www.evil" not in plain
    assert not re.search(r"^(#{1,6} x|---)$", body, re.MULTILINE)
    assert "\u202e" not in card


def test_head_reads_back_as_what_was_put_in() -> None:
    values = {"a": EVIL, "b": ["yes", "1", "2026-01-01", "~", "#"], "c": {"d: e": 0.5}, "f": "ü \U0001f600 \ud800"}
    read = yaml.safe_load("\n".join(front_matter(values)).strip("-"))
    assert read["b"] == values["b"] and read["c"] == values["c"]
    assert read["a"] == clean(EVIL) and "\n" not in read["a"]
    assert read["f"] == "ü \U0001f600"


def test_words_are_made_harmless() -> None:
    assert code("a`b|c") == "`a’b¦c`" and code("  ") == "`?`"
    assert prose("a*b_c|d") == r"a\*b\_c\|d"
    assert (number(-0.021), number(0.86521), number(1), number(-0.00001)) == ("−.0210", ".8652", "1.0000", ".0000")


def test_card_holds_no_sentence_of_the_data(runs_dir: Path) -> None:
    assert SECRET_TEXT not in model_card(ended_run(runs_dir))


def test_three_lines_use_the_model_with_its_prompts(runs_dir: Path) -> None:
    plain = use_lines(ended_run(runs_dir))
    assert len(plain) == 3 and plain[1] == 'model = SentenceTransformer("model")' and "encode(" in plain[2]
    lines = use_lines(ended_run(runs_dir, prompts={"query": 'ask\n"it": ', "document": "told: "}))
    compile("\n".join(lines), "use", "exec")
    assert len(lines) == 3 and "encode_query" in lines[2] and "encode_document" in lines[2] and '\\"it\\"' in lines[2]


def test_cross_encoder_is_used_as_one(runs_dir: Path) -> None:
    run = ended_run(runs_dir)
    change(run, "config.json", kind="cross-encoder", recipe=None)
    assert "CrossEncoder(" in "\n".join(use_lines(run))
    assert head_of(model_card(run))["pipeline_tag"] == "text-ranking"


def test_earlier_runs_of_a_chain_are_named(runs_dir: Path) -> None:
    first = ended_run(runs_dir, data="snli", loss="softmax", recipe=None)
    card = model_card(ended_run(runs_dir, base_model=f"run:{first.id}"))
    assert f"`{first.id}` came before: `static-minilm` trained on `snli`, loss `softmax`" in card
    assert head_of(card)["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert head_of(card)["datasets"] == ["stanfordnlp/snli"]


def test_run_without_a_model_has_no_card(runs_dir: Path) -> None:
    with pytest.raises(ModelError, match="has no model to take away \\(it is queued\\)"):
        model_card(create_run(runs_dir, build_config({}), None))
