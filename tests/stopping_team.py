"""A worker of several, whose leader hears Stop during the third step; started by a launcher: `-m tests.stopping_team RUN`."""

import sys
from pathlib import Path

from core import training
from core.run_log import RunLog
from core.runs import RunFolder
from core.team import leads
from tests.test_resuming import STOP_AT, StoppedAt

if __name__ == "__main__":
    run = RunFolder(Path(sys.argv[1]))
    training.train(StoppedAt(run, STOP_AT) if leads() else RunLog(run, speaks=False))
