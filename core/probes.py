"""The probe texts: a fixed set of sentences whose embeddings are kept before and after training."""

from pathlib import Path

import numpy as np
import pandas as pd
from sentence_transformers import SentenceTransformer

from core.examples import CONTRADICTION, ENTAILMENT, NEUTRAL
from core.files import write_json
from core.places import Places
from core.projection import project_before_after
from core.rows import Asked, load_rows

PARTS = {ENTAILMENT: "follows from it", NEUTRAL: "may or may not", CONTRADICTION: "contradicts it"}


GROUPS_A_TOPIC = 4


def probe_texts() -> pd.DataFrame:
    """Return sentences of the sample, 20 of each topic, as text, topic, part (premise, or how it stands to its premise)."""
    rows = load_rows(Asked("sample"), Places()).frame
    groups = rows.drop_duplicates("premise").groupby("topic", sort=False).head(GROUPS_A_TOPIC)["premise"]
    rows = rows[rows["premise"].isin(groups)]
    premises = rows[["premise", "topic"]].set_axis(["text", "topic"], axis=1).assign(part="premise")
    hypotheses = rows[["hypothesis", "topic"]].set_axis(["text", "topic"], axis=1).assign(part=rows["label"].map(PARTS))
    return pd.concat([premises, hypotheses]).drop_duplicates("text").reset_index(drop=True)


class ProbeSnapshots:
    """Keeps the probes' embeddings, (texts, dim) fp32 at unit length, one file a step."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._texts = probe_texts()

    def take(self, model: SentenceTransformer, step: int, batch_size: int) -> None:
        """Embed the probes with the model as it is after `step`."""
        vectors = model.encode(
            self._texts["text"].tolist(), batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False
        )
        np.save(self._folder / f"step-{step:08d}.npy", vectors.astype(np.float32))

    def project(self, last_step: int) -> None:
        """Write the map: both snapshots on the two principal axes of the last one."""
        before = np.load(self._folder / "step-00000000.npy")
        after = np.load(self._folder / f"step-{last_step:08d}.npy")
        places = project_before_after(before, after)
        write_json(
            self._folder / "pca.json",
            {
                "texts": self._texts["text"].tolist(),
                "topic": self._texts["topic"].tolist(),
                "part": self._texts["part"].tolist(),
                "before": places.before.round(5).tolist(),
                "after": places.after.round(5).tolist(),
                "explained": [round(float(share), 4) for share in places.explained],
                "last_step": last_step,
            },
        )
