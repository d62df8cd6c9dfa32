"""The book's own scores, and what a run has to share with the book's before the two may stand side by side."""

from core.config import RunConfig
from core.files import read_json
from core.recipes import RECIPES, recipe_chain
from core.runs import RunFolder

BOOK_DATA = "stsb/validation"
# The book drops silver pairs that it has met before, and so does the studio: what is left is a little less than what was found.
FEWEST_SILVER = 0.99
# These leave a run what it is; the seed is the one thing in which two equal runs may differ.
CHANGE_NOTHING = frozenset({"seed", "precision", "eval_batch_size", "eval_every", "log_every", "snapshots"})


def rows_of_the_book(config: RunConfig) -> int | None:
    """Return how many rows the book's run of this kind read; None for a run that is not of *book* size or not the recipe's.

    Augmented SBERT: gold and silver together. TSDAE: 25,000 rows, whose two sentences each are the book's 50,000 texts.
    """
    spec = RECIPES.get(config.recipe or "")
    if config.size != "book" or spec is None or "book" not in spec.sizes:
        return None
    for run in recipe_chain(spec.id, "book"):
        if (run.kind, run.loss) == (config.kind, config.loss):
            return (run.max_rows or 0) + (run.silver.amount if run.silver else 0)
    return None


def short_of_the_book(config: RunConfig, found: int) -> str:
    """Say at the start of a *book* run that it has fewer rows than the book had; nothing where it has them all.

    Args:
        config: what was asked.
        found: rows that were read, silver pairs among them, unusable ones not taken away.
    """
    wanted = rows_of_the_book(config)
    if wanted is None or found >= (FEWEST_SILVER if config.silver else 1) * wanted:
        return ""
    return f"{found:,} rows were found, and the book's run had {wanted:,}: its score is not shown beside this run's."


def rows_found(run: RunFolder) -> int | None:
    """Return how many rows a run found, silver pairs among them; None before it has read them."""
    data = run.resolved().get("data")
    if not data:
        return None
    silver = read_json(run.path / "silver" / "silver.json") or {}
    return int(data["rows"] + sum(data.get("dropped", {}).values()) + silver.get("silver", 0))


def why_not_beside(run: RunFolder) -> str:
    """Say why the book's score may not stand beside a *book* run's; nothing where it may.

    Raises:
        RunError: the folder is gone.
    """
    config, found = run.config(), rows_found(run)
    if found is None:
        return "its rows are not read yet"
    if config.recipe == "fine-tune":
        return "the book feeds contradictions as positives here, and this run does not"
    changed = sorted(set(config.yours) - CHANGE_NOTHING)
    if changed or rows_of_the_book(config) is None:
        return f"trained with settings of your own ({', '.join(changed) or 'another method'}), so without the book's score"
    measured, _ = run.yardstick("before")
    if measured and measured != BOOK_DATA:
        return f"measured on {measured.replace('/', ' ')}, the book on STSB's validation part"
    return short_of_the_book(config, found)
