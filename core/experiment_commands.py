"""`python -m core chapter`, `vary` and `experiment`: several runs queued in one go, followed, and told as one table."""

import argparse
import sys
from collections.abc import Callable

from core.command_jobs import FAILED_EXIT, exit_code, follow, make_ready
from core.config import parse_assignments
from core.errors import ConfigError
from core.experiment_plans import VARY_EXAMPLE, Member, Plan, parse_values, plan_chapter, plan_vary
from core.experiment_table import experiment_table
from core.experiments import list_experiments, start
from core.listing import print_experiment
from core.places import Places, data_dir_from, runs_dir_from
from core.runs import RunFolder

SIZES = ("instant", "laptop", "book")
Command = Callable[[argparse.Namespace], int]


def add_experiment_commands(add: Callable[[str, Command, str], argparse.ArgumentParser]) -> None:
    """Add the three commands to the parser."""
    chapter = add("chapter", run_chapter, "Run the chapter's methods at one size, and print their scores beside the book's.")
    chapter.add_argument("--size", choices=SIZES, default="instant")
    example = ",".join(map(str, VARY_EXAMPLE.values))
    vary = add("vary", run_vary, f"Run a recipe once for each value of one setting; by default {VARY_EXAMPLE.field} {example}.")
    vary.add_argument("recipe", nargs="?", default=VARY_EXAMPLE.recipe, metavar="RECIPE")
    vary.add_argument("--field", default=VARY_EXAMPLE.field, help="the setting, such as loss_params.scale")
    vary.add_argument("--values", help="2 to 6 of them, such as 8,32,64")
    vary.add_argument("--size", choices=SIZES)
    for sub in (chapter, vary):
        sub.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="assignments")
    shown = add("experiment", show_experiment, "Print the table of an experiment as it stands; by default the newest.")
    shown.add_argument("experiment", nargs="?")


def run_chapter(given: argparse.Namespace) -> int:
    """Queue the ladder, follow it to its end, and print one table."""
    places = _places(given)
    return _run(plan_chapter(given.size, parse_assignments(given.assignments), places), places, as_json=given.json)


def run_vary(given: argparse.Namespace) -> int:
    """Queue a recipe once for each value, follow the runs to their end, and print one table."""
    places = _places(given)
    if given.values is None and given.field != VARY_EXAMPLE.field:
        raise ConfigError(given.field, "write its values, such as --values 8,32,64.")
    values = VARY_EXAMPLE.values if given.values is None else parse_values(given.values)
    yours = parse_assignments(given.assignments)
    return _run(plan_vary(given.recipe, given.size, (given.field, values), yours, places), places, as_json=given.json)


def show_experiment(given: argparse.Namespace) -> int:
    """Print an experiment's table."""
    places = _places(given)
    name = given.experiment or next((experiment.id for experiment in list_experiments(places)), None)
    if name is None:
        raise ConfigError("", "There is no experiment yet; python -m core chapter starts one.")
    print_experiment(experiment_table(name, places).as_json(), as_json=given.json)
    return 0


def _places(given: argparse.Namespace) -> Places:
    return Places(data_dir_from(given.data_dir), runs_dir_from(given.runs_dir))


def _run(plan: Plan, places: Places, *, as_json: bool) -> int:
    for chain in plan.chains:
        make_ready(chain, places)
    experiment = start(plan, places)
    _say(f"Experiment {experiment.id}: {sum(len(member.runs) for member in experiment.members)} runs")
    try:
        codes = [code for member in experiment.members for code in _follow(member, places)]
    except KeyboardInterrupt:
        _say(f"\nThe runs go on without this window; python -m core experiment {experiment.id} prints their table.")
        return 130
    print_experiment(experiment_table(experiment.id, places).as_json(), as_json=as_json)
    # A fault that a person can mend is only what happened if nothing worse did.
    return FAILED_EXIT if FAILED_EXIT in codes else max(codes)


def _follow(member: Member, places: Places) -> list[int]:
    """Follow a member's runs and return their exit codes; what was skipped because of another run has none of its own."""
    assert places.runs_dir is not None
    codes = []
    for name in member.runs:
        _say(f"{member.label}: run {name}")
        try:
            status = follow(RunFolder(places.runs_dir / name))
        except ConfigError as error:
            # Deleted meanwhile: the others go on.
            _say(str(error))
            codes.append(FAILED_EXIT)
            continue
        if exit_code(status):
            _say(str(status.error.get("message") or status.detail))
        codes.append(0 if status.state == "skipped" else exit_code(status))
    return codes


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
