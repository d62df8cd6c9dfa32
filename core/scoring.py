"""The work of a folder whose kind is `score`: measure one model on one evaluation set."""

from core.base_models import kind_of
from core.evaluation import load_evaluation_set, score_model, score_pairs, write_score
from core.machine import read_machine
from core.models import load_model, model_fingerprint
from core.run_log import RunLog, Stopped
from core.settings import settle, settled_values


def score(log: RunLog) -> None:
    """Score `base_model` on `data`/`split` in fp32 and keep the record as the folder's "after".

    Raises:
        DataError: the pairs are not here.
        ModelError: the model is not here.
    """
    config, runs_dir, machine = log.run.config(), log.run.runs_dir, read_machine(log.run.runs_dir)
    pairs = load_evaluation_set(config.data, config.split, log.places)
    settings = settled_values(settle(config, kind_of(config.base_model, runs_dir), machine, runs_dir=runs_dir))
    log.enter("evaluating", f"Scoring {config.base_model} on {pairs.id}")

    def between(done: int, total: int) -> None:
        log.raise_if_stopped()
        log.progress("Scoring", done, total)

    def measure() -> dict[str, float]:
        model = load_model(config, runs_dir, machine.device, config.seed)
        return score_pairs(model, pairs, settings["eval_batch_size"], between)

    try:
        record = score_model(model_fingerprint(config, runs_dir, config.seed), pairs, runs_dir, measure)
    except Stopped:
        log.end("stopped", "Stopped before the score was whole.")
        return
    write_score(log.run.path, "after", record)
    log.end("done", f"Scored on {pairs.id}")
