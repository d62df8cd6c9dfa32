"""Several runs by the same processes, since starting them takes longest: `-m tests.stopping_team RUN ...`, from a launcher.

Of a run that is named twice the leader hears Stop during the third step of its first turn. The last two are the worker's own:
how the first of them ends is written into its folder, how the last one ends is how these processes end.
"""

import os
import sys
from pathlib import Path

from core import training, worker
from core.files import read_json, write_json
from core.run_log import RunLog
from core.runs import RunFolder
from core.team import leads
from tests.test_resuming import STOP_AT, StoppedAt

HALFWAY, ENDED = "halfway.json", "ended"


def stop_on_the_way(run: RunFolder) -> None:
    """Do the first turn, and keep what is known of it: the next one writes over it."""
    training.train(StoppedAt(run, STOP_AT) if leads() else RunLog(run, speaks=False))
    if leads():
        status, trainer = run.status(), read_json(run.path / "checkpoints" / "latest" / "trainer_state.json") or {}
        write_json(run.path / HALFWAY, {"state": status and status.state, "step": trainer.get("global_step")})


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:]]
    for number, path in enumerate(paths[:-2]):
        if path in paths[number + 1 :]:
            stop_on_the_way(RunFolder(path))
        else:
            training.train(RunLog(RunFolder(path), speaks=leads()))
    code = worker.main(paths[-2])
    (paths[-2] / f"{ENDED}-{os.environ['RANK']}").write_text(str(code))
    sys.exit(worker.main(paths[-1]))
