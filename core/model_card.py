"""The model card: what a model is, what it was made of and how good it is, as the Hugging Face Hub shows it. Loads no torch.

https://huggingface.co/docs/hub/model-cards
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from core.card_facts import (
    LICENCES,
    UNKNOWN_LICENCE,
    Facts,
    called_data,
    hub_data,
    licence_of,
    lineage,
    on_the_hub,
    origin_of,
    read_facts,
)
from core.card_scores import score_lines
from core.card_words import clean, code, front_matter, prose, table, value_text
from core.data_catalogue import DATA_SETS, data_parts
from core.errors import ModelError
from core.listing import run_seconds
from core.losses import LOSSES
from core.outgoing import public_data, public_model
from core.prompts import PASSAGE, QUERY, saved_prompts
from core.runs import RunFolder

# The settings that decide what comes out, in the order of the card.
DECIDING = (
    "examples", "negatives", "mining", "holdout", "max_rows", "fixes", "neutral_score", "score_threshold", "silver", "teacher",
    "epochs", "max_steps", "time_budget_seconds", "batch_size", "gradient_accumulation", "learning_rate", "scheduler", "warmup",
    "weight_decay", "max_grad_norm", "precision", "sampler", "max_seq_length", "pooling", "frozen_layers", "lora_rank",
    "matryoshka", "prompts", "best_by", "early_stopping", "seed",
)  # fmt: skip
EXAMPLE = "A sentence of yours."


def model_card(run: RunFolder, where: str = "model") -> str:
    """Return the card of a run's model: Markdown with the head that the Hub reads. It holds no text of the data.

    Args:
        run: one that left a model.
        where: the folder or the repository that the model is loaded from.

    Raises:
        RunError: the run left no model, or cannot be read.
    """
    if not (run.path / "model" / "modules.json").is_file() and not (run.path / "model" / "config.json").is_file():
        raise_without_model(run)
    facts = read_facts(run)
    parts = (
        ("", [*_front(facts), "", f"# {code(run.id)}", "", *_what_it_is(facts)]),
        ("Use it", ["```python", *use_lines(run, where), "```", *_how_to_use(facts)]),
        ("How good it is", score_lines(facts.measured, str(facts.value("best_by")))),
        ("Data", _data(facts)),
        ("Training", _training(facts)),
    )
    return "\n\n".join("\n".join([*([f"## {title}", ""] if title else []), *lines]) for title, lines in parts) + "\n"


def raise_without_model(run: RunFolder) -> None:
    """Refuse a run that left no model.

    Raises:
        ModelError: always.
    """
    status = run.status()
    how = f"it is {status.state}" if status else "it was deleted"
    raise ModelError(f"Run {run.id} has no model to take away ({how}); choose a run that is done.")


def use_lines(run: RunFolder, folder: str = "model") -> list[str]:
    """Return the lines of Python that use a run's model, its prompts included; `folder` is where the model will lie."""
    where = json.dumps(clean(folder), ensure_ascii=False)
    if run.config().kind == "cross-encoder":
        return [
            "from sentence_transformers import CrossEncoder",
            f"model = CrossEncoder({where})",
            'scores = model.predict([("One sentence.", "Another one.")])',
        ]
    lines = ["from sentence_transformers import SentenceTransformer", f"model = SentenceTransformer({where})"]
    prompts = saved_prompts(run.path / "model")
    if not prompts:
        return [*lines, f'embeddings = model.encode(["{EXAMPLE}"])']
    # Both read the prompts that are saved with the model.
    both = 'model.encode_query(["A question?"]), model.encode_document(["What may answer it."])'
    told = "; ".join(f"{role}: {json.dumps(text)}" for role, text in prompts.items())
    return [*lines, f"queries, passages = {both}  # put before them, {told}"]


def _front(facts: Facts) -> list[str]:
    origin = origin_of(facts)
    base, licence = on_the_hub(origin), LICENCES.get(licence_of(origin))
    tags = ["sentence-transformers", "contrastive-studio", f"loss:{facts.config.loss}"]
    kind = "cross-encoder" if facts.is_cross_encoder else "sentence-similarity"
    values = {
        "library_name": "sentence-transformers",
        "pipeline_tag": "text-ranking" if facts.is_cross_encoder else "sentence-similarity",
        "tags": [*tags, kind] + ([] if facts.is_cross_encoder else ["feature-extraction"]),
        "license": licence,
        "base_model": base,
        "datasets": hub_data(facts),
        "model-index": _index(facts),
    }
    return front_matter({key: value for key, value in values.items() if value})


def _index(facts: Facts) -> list[dict[str, Any]]:
    """Return the scores as the Hub lists them: those on data sets that everybody can get, and no others."""
    results = []
    for one in facts.measured:
        data, _, split = one.data.rpartition("/")
        spec = DATA_SETS.get(data)
        if spec is None or spec.hub is None:
            continue
        metrics = [
            {"type": name, "name": one.called(name).strip("`"), "value": round(one.after[name], 6)}
            for name in one.figures()
            if name in one.after
        ]
        task = {"type": "classification"} if "accuracy" in one.after else {"type": "semantic-similarity"}
        told = {"name": f"{spec.title} {split}", "type": spec.hub[0], "split": split}
        results += [{"task": task, "dataset": told, "metrics": metrics}] if metrics else []
    return [{"name": facts.run.id, "results": results}] if results else []


def _what_it_is(facts: Facts) -> list[str]:
    made = "cross-encoder, which scores two texts at once," if facts.is_cross_encoder else "sentence embedding model"
    loss = LOSSES[facts.config.loss].title
    lines = [
        f"A {made} made with Contrastive Studio: {code(public_model(facts.config.base_model))} trained on "
        f"{code(called_data(facts))}" + ("." if facts.is_cross_encoder else f" with the loss {prose(loss)}."),
    ]
    earlier = list(lineage(facts))
    for run, config in earlier:
        lines.append(
            f"- {code(run.id)} came before: {code(public_model(config.base_model))} trained on {code(public_data(config.data))}, "
            f"loss {code(config.loss)}."
        )
    if earlier:
        lines.insert(1, "")
    origin = origin_of(facts)
    lines += ["", f"Licence of {code(public_model(origin))}: {prose(licence_of(origin))}."]
    return lines


def _how_to_use(facts: Facts) -> list[str]:
    model = facts.resolved.get("model", {})
    lines = []
    if isinstance(model.get("dimension"), int):
        lines.append(f"Embeddings have {model['dimension']} dimensions; compare them by cosine.")
    sizes = facts.value("matryoshka")
    if sizes:
        lines.append(f"Trained to serve shorter as well: `truncate_dim` of {value_text(sizes)}.")
    prompts = saved_prompts(facts.run.path / "model")
    for role, called_by in ((QUERY, "encode_query"), (PASSAGE, "encode_document")):
        if role in prompts:
            lines.append(f"{code(json.dumps(prompts[role], ensure_ascii=False))} stands before what `{called_by}` reads.")
    return ["", *lines] if lines else []


def _data(facts: Facts) -> list[str]:
    rows = []
    for name in data_parts(facts.config.data):
        spec = DATA_SETS.get(name)
        licence, source = (spec.licence, spec.source) if spec else (UNKNOWN_LICENCE, "the person's own choice")
        called = called_data(facts) if name == facts.config.data else public_data(name)
        rows.append([code(called), code(facts.config.split), prose(licence), prose(source)])
    told = facts.resolved.get("data", {})
    lines = table(("data", "split", "licence", "source"), rows)
    if told:
        lines += ["", f"{told['rows']:,} rows were read, which gave {told['examples']:,} {prose(told['shape'])} to train on."]
        if told.get("held_out"):
            lines.append(f"{told['held_out']:,} rows were held out of training.")
        dropped = {reason: count for reason, count in (told.get("dropped") or {}).items() if count}
        lines += [f"Left out: {', '.join(f'{count:,} {prose(reason)}' for reason, count in dropped.items())}."] if dropped else []
        lines += [prose(note) for note in told.get("notes") or []]
    return [*lines, "No text of the data is in this card. Look at these licences before you publish the model."]


def _training(facts: Facts) -> list[str]:
    settings = facts.resolved.get("settings", {})
    spec = LOSSES[facts.config.loss]
    rows = []
    if not facts.is_cross_encoder:
        given = facts.value("loss_params") or {}
        parameters = {one.name: given.get(one.name, one.default) for one in spec.parameters}
        rows.append(["loss", f"{code(spec.id)} {value_text(parameters)}".strip(), _whose(settings, "loss")])
        rows.append(["paper of the loss", prose(spec.paper), ""])
    for name in DECIDING:
        value = facts.value(name)
        is_nothing = value is None or (not value and settings.get(name, {}).get("origin") in (None, "automatic"))
        if is_nothing or (name == "mining" and facts.value("negatives") not in ("semi-hard", "hard")):
            continue
        rows.append([name.replace("_", " "), value_text(_plain(value)), _whose(settings, name)])
    return [*table(("setting", "value", "whose choice"), rows), "", *_circumstances(facts)]


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _whose(settings: Mapping[str, Any], name: str) -> str:
    return prose(settings.get(name, {}).get("origin", ""))


def _circumstances(facts: Facts) -> Iterator[str]:
    status, machine = facts.run.status(), facts.resolved.get("machine", {})
    seconds = run_seconds(status) if status and status.finished else None
    spent = facts.resolved.get("watching", {}).get("train_seconds")
    kept = facts.resolved.get("kept_step")
    if kept is not None:
        yield f"- The model is that of step {kept:,}."
    if status is not None and status.state != "done":
        yield f"- The run did not go to its end: it is {prose(status.state)}."
    if spent is not None:
        whole = f", {seconds:,.0f} s with scoring and saving" if seconds else ""
        yield f"- Training took {spent:,.0f} s{whole}."
    if machine:
        name, device, cores = (machine.get(key) for key in ("device_name", "device", "cores"))
        yield f"- Machine: {code(name)}, {prose(device)}, {prose(cores)} cores."
        versions = {"python": machine.get("python"), **(machine.get("versions") or {})}
        yield f"- Versions: {', '.join(f'{prose(name)} {code(version)}' for name, version in versions.items())}."
