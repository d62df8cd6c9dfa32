"""The files of a run that go into a bundle and come out of one, each with the most bytes that it may have."""

import re
from collections.abc import Sequence

KILOBYTE, MEGABYTE, GIGABYTE = 2**10, 2**20, 2**30
MOST_FILES, MOST_BYTES = 600, 8 * GIGABYTE
# The modules of a model lie in folders such as 1_Pooling.
MODULE = r"model/(?:\d{1,2}_[A-Za-z]{1,40}/)?"
# Which names a bundle may hold. Nothing else is written or read.
ALLOWED: Sequence[tuple[re.Pattern[str], int]] = tuple(
    (re.compile(pattern), most)
    for pattern, most in (
        (r"config\.json|status\.json|adjusted\.json", 256 * KILOBYTE),
        (r"resolved\.json", MEGABYTE),
        (r"events\.jsonl", 128 * MEGABYTE),
        (r"scores/\w[\w.+-]{0,119}\.(?:before|after|verdict)\.json", 16 * MEGABYTE),
        (r"snapshots/probes\.json", 8 * MEGABYTE),
        (r"snapshots/step-\d{8}\.npy", 256 * MEGABYTE),
        (r"snapshots/umap-\d{1,3}-\d\.\d{1,6}\.npz", 64 * MEGABYTE),
        (rf"{MODULE}(?:config|tokenizer_config|special_tokens_map|added_tokens|generation_config)\.json", 4 * MEGABYTE),
        (r"model/(?:modules|config_sentence_transformers|sentence_[a-z]{1,20}_config)\.json", 256 * KILOBYTE),
        (rf"{MODULE}sentence_[a-z]{{1,20}}_config\.json", 256 * KILOBYTE),
        (rf"{MODULE}(?:tokenizer\.json|vocab\.json|vocab\.txt|merges\.txt|[\w-]{{1,60}}\.model)", 24 * MEGABYTE),
        (rf"{MODULE}model\.safetensors\.index\.json", 16 * MEGABYTE),
        (rf"{MODULE}model(?:-\d{{5}}-of-\d{{5}})?\.safetensors", MOST_BYTES),
    )
)
# What a run's folder or a bundle holds besides; it is neither needed nor trusted elsewhere, so it is not even unpacked.
PASSED_OVER = re.compile(
    r"(?:control|checkpoints|silver|repro|__MACOSX)/.*|(?:.*/)?\.[^/]+(?:/.*)?|log\.txt|film\.html|snapshots/film-[^/]*\.json"
    r"|model/README\.md",
    re.DOTALL,
)
PICKLE = re.compile(r".*\.(?:bin|pt|pth|ckpt|pkl|pickle|joblib)", re.IGNORECASE | re.DOTALL)


def most_bytes(name: str) -> int:
    """Return the most bytes that a file of this name may have, 0 for one that no bundle holds."""
    return next((most for pattern, most in ALLOWED if pattern.fullmatch(name)), 0)
