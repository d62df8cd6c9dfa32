"""The parts of a run's script that the run decided: its model, its loss, its examples, its batches."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from core.carrying import Name
from core.examples import DAMAGED_PAIRS
from core.hub_models import hub_model, spec_of
from core.losses import loss_numbers, loss_spec, sampler_name
from core.model_catalogue import BASE_MODELS
from core.prompts import column_prompts
from core.repro_facts import Facts, literal, plain
from core.repro_text import FOLDER, LOAD, LOAD_FRESH, LOAD_JUDGE

# How the studio builds what it ships; `core.models` has the functions.
BUILDERS: Mapping[str, str] = MappingProxyType(
    {
        "static-minilm": "build_static_minilm",
        "static-random": "build_static_random",
        "minilm-from-nothing": "build_random_minilm",
    }
)
MODEL_PARTS = "core.model_parts"
SHIPPED_FOLDER = "all-minilm-l6-v2"
TEACHER_SEED, TEACHER_BATCH = 42, 64


@dataclass(frozen=True)
class Part:
    """A piece of a script: its text, what it needs of the studio, and an argument of the command line."""

    text: str
    needs: tuple[Name, ...] = ()
    argument: str = ""


def folder_of(name: str, role: str, facts: Facts) -> tuple[str, str]:
    """Return the expression for a model's folder, and the command line's argument for one that a person may give."""
    if name == SHIPPED_FOLDER:
        return "bundled_folder()", ""
    if role in facts.stages:
        made = f'made_before("{role}")'
        return f"given.{role} or {made}", FOLDER.substitute(role=role, required="", says=f"default: what {role}/ makes")
    model = hub_model(name)
    if model is None or Path(name).expanduser().is_dir():
        said = "the folder of the model that the run named as its " + ("teacher" if role == "teacher" else "base model")
        return f"given.{role}", FOLDER.substitute(role=role, required=", required=True", says=said)
    got = f"from_hub({literal(model.id)}, {literal(model.revision)})"
    says = f"its folder; default: {plain(model.name)} of the Hub"
    return f"given.{role} or {got}", FOLDER.substitute(role=role, required="", says=says)


def embedding_model(name: str, role: str, facts: Facts) -> tuple[str, Name, str]:
    """Return the expression that loads a model as it is, the function that it needs, and its argument."""
    if name in BUILDERS:
        seed = "SEED" if role == "base" else str(TEACHER_SEED)
        return f"{BUILDERS[name]}(DEVICE, {seed})", Name("core.models", BUILDERS[name]), ""
    folder, argument = folder_of(name, role, facts)
    spec = spec_of(name)
    pooling = (spec and spec.pooling) or "mean"
    return f"load_folder({folder}, {literal(pooling)}, DEVICE)", Name("core.models", "load_folder"), argument


def start(facts: Facts) -> Part:
    """Return the function that loads what the run began with and changes it as the run did."""
    name, settings = facts.config.base_model, facts.settings
    if facts.is_joint:
        folder, argument = folder_of(name, "base", facts)
        fewer = "    keep_fewer_activations(model)\n" if settings["gradient_checkpointing"] else ""
        text = LOAD_FRESH.substitute(folder=folder, takes=_takes(folder), changes=fewer)
        return Part(text, (Name(MODEL_PARTS, "keep_fewer_activations"),) if fewer else (), argument)
    expression, needs, argument = embedding_model(name, "base", facts)
    changes = (
        ("pooling", "replace_pooling(model, POOLING)", "replace_pooling"),
        ("max_seq_length", "limit_length(model, MAX_SEQ_LENGTH)", "limit_length"),
        ("lora_rank", "add_adapters(model, LORA_RANK, SEED)", "add_adapters"),
        ("frozen_layers", "freeze_layers(model, FROZEN_LAYERS)", "freeze_layers"),
        ("prompts", "set_prompts(model, PROMPTS)", "set_prompts"),
        ("gradient_checkpointing", "keep_fewer_activations(model)", "keep_fewer_activations"),
    )
    made = [(line, Name(MODEL_PARTS, function)) for key, line, function in changes if settings.get(key)]
    if not settings["prompts"] and name not in BASE_MODELS:
        # What was saved with the model would count else.
        made.append(("set_prompts(model, {})", Name(MODEL_PARTS, "set_prompts")))
    text = LOAD.substitute(
        name="load_start",
        takes=_takes(expression),
        says="Load the model that the run began with, and change it as the run did.",
        start=expression,
        changes="".join(f"    {line}\n" for line, _ in made),
    )
    return Part(text, (needs, *(function for _, function in made)), argument)


def _takes(expression: str) -> str:
    return "given: argparse.Namespace" if "given" in expression else ""


def teacher(facts: Facts, prompts: Mapping[str, str]) -> Part | None:
    """Return the function that loads what a loss learns from, or None; `prompts` are the teacher's own, by role."""
    asked = loss_spec(facts.settings["loss"]).teacher
    if facts.is_joint or not asked:
        return None
    name = str(facts.settings["teacher"])
    if asked == "cross-encoder":
        folder, argument = folder_of(name, "teacher", facts)
        return Part(LOAD_JUDGE.substitute(folder=folder), (), argument)
    expression, needs, argument = embedding_model(name, "teacher", facts)
    set_them = f"    set_prompts(model, {literal(prompts)})\n" if prompts or name not in BASE_MODELS else ""
    text = LOAD.substitute(
        name="load_teacher", takes=_takes(expression), says="Load the model that teaches.", start=expression, changes=set_them
    )
    more = (Name(MODEL_PARTS, "set_prompts"),) if set_them else ()
    return Part(text, (needs, *more), argument)


def loss(facts: Facts, teachers_call: str) -> Part:
    """Return the lines that build the loss, with its own numbers, inside a Matryoshka where there is one."""
    if facts.is_joint:
        return Part("    loss = BinaryCrossEntropyLoss(model)")
    settings = facts.settings
    spec = loss_spec(settings["loss"])
    needs: tuple[Name, ...] = ()
    numbers = {name: literal(value) for name, value in loss_numbers(spec.id, settings["loss_params"]).items()}
    called = f"losses.{spec.class_name}"
    if spec.cosine_distance:
        by_label = "BatchHardTripletLossDistanceFunction.cosine_distance"
        numbers["distance_metric"] = "TripletDistanceMetric.COSINE" if spec.class_name == "TripletLoss" else by_label
    if spec.id == "softmax":
        numbers |= {"embedding_dimension": "model.get_embedding_dimension()", "num_labels": literal(facts.report["classes"])}
    if spec.id in ("gist", "cached-gist"):
        numbers["guide"] = teachers_call
    line = f"    loss = {called}(model{''.join(f', {name}={value}' for name, value in numbers.items())})"
    if spec.id == "masked-language-model":
        needs = (Name("core.language_modelling", spec.class_name),)
        line = line.replace(called, spec.class_name)
    if spec.id == "denoising":
        needs = (Name("core.loss_building", "build_denoising"),)
        frozen = "FROZEN_LAYERS" if settings["frozen_layers"] else "0"
        line = f'    loss = build_denoising(model, scratch / "decoder", {frozen})'
    if settings["matryoshka"]:
        sizes = sorted({facts.resolved["model"]["dimension"], *settings["matryoshka"]}, reverse=True)
        line += f"\n    loss = losses.MatryoshkaLoss(model, loss, matryoshka_dims={sizes})"
    return Part(line, needs)


def example_changes(facts: Facts, teachers_call: str) -> Part:
    """Return the lines between the examples' file and what the trainer reads; they end with `return dataset`."""
    name, needs, lines = "" if facts.is_joint else facts.settings["loss"], [], []
    if name == "simcse":
        lines += [
            "    # The same text twice: dropout reads it differently each time.",
            '    frame = frame.assign(again=frame["text"])',
        ]
    if name == "mse":
        encoded = f'{teachers_call}.encode(frame["text"].tolist(), batch_size={TEACHER_BATCH})'
        lines.append(f"    frame = frame.assign(label=list({encoded}))")
    if name == "margin-mse":
        needs.append(Name("core.loss_building", "margins_of"))
        precision = literal(str(facts.resolved["machine"]["precision"]))
        lines.append(f"    margins = margins_of({teachers_call}, frame, model, {precision}, lambda *_: None)")
        lines.append("    frame = frame.assign(label=margins)")
    made = "Dataset.from_pandas(frame, preserve_index=False)"
    if facts.resolved["data"]["shape"] != DAMAGED_PAIRS:
        return Part("\n".join([*lines, f"    return {made}"]), tuple(needs))
    needs += [Name("core.loss_building", "FreshNoise"), Name("core.team_callbacks", "EpochTeller")]
    lines += [f"    dataset = {made}", "    dataset.set_transform(FreshNoise(SEED))", "    return dataset"]
    return Part("\n".join(lines), tuple(needs))


def sampler(facts: Facts) -> Part:
    """Return what makes the batches: a class of the studio, or the library's name of its own."""
    settings = facts.settings
    if facts.is_joint:
        name = "BucketedBatchSampler" if settings["sampler"] == "bucketed" else "batch_sampler"
    else:
        name = sampler_name(settings["loss"], facts.resolved["data"]["shape"], settings["sampler"])
    if name.startswith("Bucketed"):
        return Part(name, (Name("core.sampling", name),))
    return Part(literal(name))


def prompt_argument(facts: Facts) -> str:
    """Return the trainer's prompts by column, or nothing where there are none."""
    prompts = {} if facts.is_joint else column_prompts(facts.columns, facts.settings["prompts"] or {})
    return f"            prompts={literal(prompts)},\n" if prompts else ""
