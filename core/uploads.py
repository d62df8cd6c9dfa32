"""A person's own file: moved into the runs folder at once, and from then on named by what is in it."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from core.errors import DataError, is_disk_full
from core.files import file_sha256, read_json, write_json
from core.hosting import check_upload
from core.sources import UPLOADS
from core.tables import FILE_ENDINGS, look_into

MOST_BYTES = 200 * 2**20


@dataclass(frozen=True)
class Upload:
    """An uploaded file: `data` is what a configuration calls it, `name` what the person did."""

    data: str
    name: str


def take_in(path: Path, name: str, runs_dir: Path) -> Upload:
    """Move a file in, after a look whether it is a table at all.

    Raises:
        DataError: it is none, is empty, is larger than 200 MB, or cannot be kept.
    """
    name = Path(name).name[:120]
    check_upload(path.stat().st_size, runs_dir)
    if path.stat().st_size > MOST_BYTES:
        raise DataError(
            f"{name[:80]} has {path.stat().st_size / 2**20:,.0f} MB and 200 are the most; cut it, or put it into the data folder."
        )
    ending = Path(name).suffix.lower()
    kept = path.with_suffix(ending) if ending in FILE_ENDINGS else path.with_suffix(".csv")
    path.rename(kept)
    try:
        look_into(kept, name[:80])
    except DataError:
        kept.unlink(missing_ok=True)
        raise
    digest = file_sha256(kept)
    folder = runs_dir / UPLOADS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        place = folder / f"{digest}{kept.suffix}"
        # Onto the same disk first: whoever reads the earlier upload of these bytes finds it whole.
        shutil.move(kept, beside := place.with_suffix(f".{os.getpid()}.part"))
        beside.replace(place)
        write_json(folder / f"{digest}.about", {"name": name})
        for ending in set(FILE_ENDINGS) - {kept.suffix}:
            # The same bytes under another ending are read in another way: what came last counts.
            (folder / f"{digest}{ending}").unlink(missing_ok=True)
    except OSError as error:
        reason = "the disk is full: free some space" if is_disk_full(error) else f"{error.strerror}: check the runs folder"
        raise DataError(f"{name[:80]} cannot be kept; {reason}, then upload it again.") from None
    return Upload(f"upload:{digest}", name)


def list_uploads(runs_dir: Path) -> list[Upload]:
    """Return the uploaded files, newest first."""
    abouts = sorted((runs_dir / UPLOADS).glob("*.about"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [Upload(f"upload:{path.stem}", str((read_json(path) or {}).get("name", path.stem[:12]))) for path in abouts]
