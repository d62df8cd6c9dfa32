"""The whole text of a run's script, put together from its parts: what it says first, imports, values, and so on to its end."""

import ast
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core import repro_text as text
from core.carrying import AnyImport, Name, bound_by, carry, import_lines
from core.data_catalogue import called, data_parts
from core.losses import loss_spec
from core.model_choice import PlainModel
from core.prompts import prompts_of
from core.repro_facts import Facts, constants, literal, plain
from core.repro_parts import Part, example_changes, loss, prompt_argument, sampler, start, teacher

WIDTH = 120
COMPARED = ("pearson_cosine", "spearman_cosine", "pearson", "spearman")
ABOUT = (
    "The classes and functions between the constants and load_start are the studio's own source, as the run used it. "
    "examples.parquet holds the prepared examples, with negatives and silver scores where there are some. On the same machine, "
    "with the versions of requirements.txt, scores are those of the run to 1e-3."
)


def script(facts: Facts, has_pairs: bool) -> str:
    """Return a run's script.

    Raises:
        ModelError: the teacher is not here any more.
    """
    steps, notes = _steps(facts)
    taught = teacher(facts, _teacher_prompts(facts))
    call = "load_teacher(given)" if taught and "given" in taught.text else "load_teacher()"
    begun, built, read, drawn = start(facts), loss(facts, call), example_changes(facts, call), sampler(facts)
    used = [part for part in (begun, taught, built, read, drawn) if part]
    carried = carry([need for part in used for need in part.needs] + _always(facts, bool(steps["planned"])), text.INSTEAD)
    takes = [name for name in ("model", "given") if name in read.text]
    callbacks = ["EndAt(given.steps)", *(["BendAsPlanned()"] if steps["planned"] else [])]
    callbacks += ["EpochTeller()"] if "FreshNoise" in read.text else []
    kind = "CrossEncoder" if facts.is_joint else "SentenceTransformer"
    pieces = [
        constants(facts, steps),
        _expected(facts),
        *_brought(carried.unknown, used),
        carried.text,
        begun.text,
        taught.text if taught else "",
        text.EXAMPLES.substitute(takes=", ".join(TYPED[name] for name in takes), changes=read.text),
        text.CALLBACKS,
        text.BENDING if steps["planned"] else "",
        text.TRAINER.substitute(trainer=f"{kind}Trainer"),
        text.TRAIN.substitute(
            model_class=kind,
            arguments=f"{kind}TrainingArguments",
            loss=built.text,
            sampler=drawn.text,
            prompts=prompt_argument(facts),
            examples_of=", ".join(takes),
            callbacks=", ".join(callbacks),
        ),
        text.SCORE,
        text.JOINT_FIGURES if facts.is_joint else text.FIGURES,
        _asked(facts, used, has_pairs),
        _main(facts, "given" if "given" in begun.text else ""),
    ]
    return _whole(_head(facts, notes), [piece for piece in pieces if piece], carried.imports)


TYPED: Mapping[str, str] = {"model": "model: SentenceTransformer", "given": "given: argparse.Namespace"}


def _always(facts: Facts, is_bent: bool) -> list[Name]:
    """Return what a script needs of the studio besides its parts."""
    needs = [Name("core.model_parts", "leave_mixed_precision")]
    if facts.is_joint:
        needs.append(Name("core.cross_encoders", "score_jointly"))
    elif facts.settings["lora_rank"]:
        needs.append(Name("core.model_parts", "merge_adapters"))
    return [*needs, Name("core.time_budget", "bend")] if is_bent else needs


def _brought(unknown: Sequence[str], used: Sequence[Part]) -> list[str]:
    """Return what the script has in place of the studio's own, as far as it is called."""
    return [code for name, code in text.INSTEAD.items() if name in unknown or any(f"{name}(" in part.text for part in used)]


def _teacher_prompts(facts: Facts) -> Mapping[str, str]:
    if facts.is_joint or loss_spec(facts.settings["loss"]).teacher != "model":
        return {}
    return prompts_of(PlainModel(str(facts.settings["teacher"])), facts.run.runs_dir)


def _steps(facts: Facts) -> tuple[dict[str, Any], list[str]]:
    """Return how many steps the run was for, when it was planned anew and which was kept; and what cannot be made again."""
    watching, machine = facts.resolved["watching"], facts.resolved["machine"]
    said, planned = watching["steps"], watching.get("planned") or []
    total, notes, went_on_from = said["total"], [], said["went_on_from"]
    if went_on_from and planned:
        total, planned = planned[-1][1], []
        notes.append(f"The run went on from step {went_on_from} with its time anew; the learning rate before that is not known.")
    if went_on_from and "adjusted" in facts.origins.values():
        notes.append(f"The run went on from step {went_on_from} with less memory; here the whole of it is made so.")
    if facts.processes > 1:
        notes.append(f"{facts.processes} processes trained together; here one takes their batches at once, in another order.")
    if machine["device"] != "cpu":
        notes.append("A GPU adds up in another order each time, so the last digits of its scores differ from run to run.")
    kept = facts.resolved.get("kept_step") or said["last"]
    if kept < said["last"]:
        notes.append(f"Training ended after step {said['last']}; step {kept} was kept, the best by {facts.settings['best_by']}.")
    return {"total": total, "planned": planned, "kept": kept}, notes


def _expected(facts: Facts) -> str:
    """Return the run's own figures on the pairs that it was scored on."""
    lines = ["# The run's own figures.", "EXPECTED = {"]
    for when in ("before", "after"):
        figures = facts.run.yardstick(when)[1]
        said = {name: round(figures[name], 6) for name in COMPARED if name in figures}
        lines.append(f'    "{when}": {literal(said)},')
    return "\n".join([*lines, "}"])


def _asked(facts: Facts, used: Sequence[Part], has_pairs: bool) -> str:
    pairs = text.PAIRS.substitute(
        default=', default=HERE / "pairs.parquet"' if has_pairs else "", data=plain(str(facts.resolved["evaluation"]["data"]))
    )
    folders = "".join(dict.fromkeys(part.argument for part in used))
    return text.ASKED.substitute(pairs=pairs, folders=folders)


def _main(facts: Facts, given: str) -> str:
    """Return the function that does it all; a cross-encoder's head is new, so it is scored at the end alone."""
    before, after = (text.COMPARE.substitute(when=when) for when in ("before", "after"))
    if facts.settings["lora_rank"] and not facts.is_joint:
        after += "    merge_adapters(model)\n"
    return text.MAIN.substitute(given=given, before="" if facts.is_joint else before, after=after)


def _head(facts: Facts, notes: Sequence[str]) -> str:
    """Return what the script says of itself."""
    data, config = facts.resolved["data"], facts.config
    rows = " and ".join(plain(called(part)) for part in data_parts(config.data))
    base = Path(config.base_model).name if Path(config.base_model).expanduser().is_dir() else config.base_model
    learned = "A cross-encoder" if facts.is_joint else f"The loss {facts.settings['loss']}"
    what = f"{learned} from {plain(base)}, on {data['examples']:,} {data['shape']} made of {data['rows']:,} rows of {rows}."
    wrapped = [textwrap.fill(each, WIDTH) for each in (what, ABOUT, *notes)]
    use = "    pip install -r requirements.txt\n    python repro.py --out model"
    parts = [f"Train again what run {facts.run.id} of Contrastive Studio trained.", wrapped[0], use, *wrapped[1:]]
    return '"""' + "\n\n".join(parts) + '\n"""'


def _whole(head: str, pieces: Sequence[str], imports: Mapping[str, AnyImport]) -> str:
    """Return head, imports and pieces, two lines apart where functions and classes begin."""
    known = dict(imports)
    for statement in ast.parse(text.KNOWN_IMPORTS).body:
        if isinstance(statement, AnyImport):
            known |= bound_by(statement)
    values, *rest = pieces
    body = "\n\n\n".join(["\n\n".join([values, rest[0]]), *rest[1:]])
    return f"{head}\n\n{import_lines(body, known)}\n\n{body}\n"
