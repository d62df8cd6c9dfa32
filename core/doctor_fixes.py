"""What the data doctor can mend, by name; a fix is part of a run's configuration. `core.doctor` does it."""

from collections.abc import Mapping
from types import MappingProxyType

# In the order in which they are made.
FIXES: Mapping[str, str] = MappingProxyType(
    {
        "drop-one-word": "leave out rows with a text of one word",
        "drop-duplicates": "keep the first of equal rows",
        "drop-near-duplicates": "keep the first of rows that say nearly the same",
        "drop-contradicting": "leave out rows that say two things of the same texts",
        "drop-overlap": "leave out rows that share a text with the evaluation set",
    }
)
