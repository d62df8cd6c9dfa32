"""The texts of scored pairs are read where they lie; where they are gone or other ones, a sentence says so."""

from pathlib import Path

import pandas as pd
import pytest

from core.errors import DataError, MissingDataError
from core.pair_texts import read_pair_texts
from core.places import Places
from core.rows import Asked, load_rows
from core.runs import HELD_OUT


def record_of(places: Places, data: str = "stsb", split: str = "validation") -> dict[str, str]:
    return {"data": f"{data}/{split}", "data_sha256": load_rows(Asked(data, split), places).sha256}


def test_texts_stand_in_the_order_of_the_pairs(small_data: Path) -> None:
    places = Places(small_data)
    texts = read_pair_texts(record_of(places), places)
    assert len(texts) == 12 and tuple(texts[1]) == ("A cat runs.", "A dog runs.")


def test_changed_data_is_told_and_not_shown(small_data: Path) -> None:
    places = Places(small_data)
    record = record_of(places)
    read_pair_texts(record, places)
    path = small_data / "stsb" / "validation.csv"
    path.write_text(path.read_text().replace("A dog runs.", "A dog sleeps."))
    with pytest.raises(DataError, match="changed since it was scored"):
        read_pair_texts(record, places)


def test_removed_data_is_told_without_loading_what_reads_the_hub(small_data: Path) -> None:
    places = Places(small_data)
    record = record_of(places)
    (small_data / "stsb" / "validation.csv").unlink()
    with pytest.raises(MissingDataError, match="in no file here"):
        read_pair_texts(record, places)


def test_held_out_texts_come_from_the_prepared_folder(tmp_path: Path) -> None:
    folder = tmp_path / ".prepared" / "abc"
    folder.mkdir(parents=True)
    frame = pd.DataFrame({"sentence1": ["a", "b"], "sentence2": ["c", "d"], "score": [0.0, 1.0]})
    frame.to_parquet(folder / "held-out.parquet")
    places = Places(None, tmp_path)
    assert [tuple(pair) for pair in read_pair_texts({"data": HELD_OUT, "folder": "abc"}, places)] == [("a", "c"), ("b", "d")]
    with pytest.raises(MissingDataError, match="held-out part was removed"):
        read_pair_texts({"data": HELD_OUT, "folder": "gone"}, places)
