"""How often the kernel has killed a process for its memory: asked before a worker and after it, it says why one died."""

from pathlib import Path

# Version 2 of control groups, version 1, and the whole machine.
COUNTERS = (
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
    Path("/proc/vmstat"),
)
ENTRY = "oom_kill"


def memory_kills() -> int:
    """Return the kills that this machine's counters show, added up; 0 where there are none to read."""
    return sum(_count(path) for path in COUNTERS)


def _count(path: Path) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    found = (line.split() for line in lines)
    return next((int(words[1]) for words in found if len(words) == 2 and words[0] == ENTRY), 0)
