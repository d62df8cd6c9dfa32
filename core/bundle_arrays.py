"""The numbers of a run from elsewhere: embeddings, places and weights, of which no byte is run and no size is believed."""

import struct
import zipfile
from collections.abc import Mapping
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from core.bundle_told import damaged, read_told

MOST_DIMENSIONS, MOST_FRAMES = 16_384, 400
LONGEST_HEADER, MOST_TENSORS = 4 * 2**20, 20_000
# Bytes of a number: https://github.com/huggingface/safetensors, "Format".
NUMBER_BYTES: Mapping[str, int] = MappingProxyType(
    {
        "F64": 8,
        "I64": 8,
        "U64": 8,
        "F32": 4,
        "I32": 4,
        "U32": 4,
        "F16": 2,
        "BF16": 2,
        "I16": 2,
        "U16": 2,
        "I8": 1,
        "U8": 1,
        "BOOL": 1,
    }
)
BROKEN = (ValueError, OSError, EOFError, KeyError, TypeError, SyntaxError, MemoryError, OverflowError, zipfile.BadZipFile)


def check_frame(path: Path, texts: int) -> None:
    """Refuse embeddings that are not (texts, dim) float32 numbers.

    Raises:
        RunError: they are not.
    """
    try:
        frame = np.load(path, mmap_mode="r", allow_pickle=False)
        fits = frame.dtype == np.dtype("<f4") and frame.ndim == 2 and frame.shape[0] == texts
        fits = fits and 0 < frame.shape[1] <= MOST_DIMENSIONS and bool(np.isfinite(frame).all())
        # No byte stands behind the numbers.
        fits = fits and path.stat().st_size == frame.offset + frame.nbytes
    except BROKEN:
        fits = False
    if not fits:
        raise damaged(path.name)


def check_places(path: Path, texts: int) -> None:
    """Refuse UMAP's places that are not (frames, texts, 2) float32 numbers with their steps.

    Raises:
        RunError: they are not.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            shapes = {entry.filename: _shape_in(packed, entry) for entry in packed.infolist()}
        frames = shapes["steps.npy"][0][0]
        fits = shapes == {"steps.npy": ((frames,), "<i8"), "places.npy": ((frames, texts, 2), "<f4")} and frames <= MOST_FRAMES
        if fits:
            with np.load(path, allow_pickle=False) as kept:
                fits = bool(np.isfinite(kept["places"]).all()) and len(kept["steps"]) == frames
    except BROKEN:
        fits = False
    if not fits:
        raise damaged(path.name)


def _shape_in(packed: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[tuple[int, ...], str]:
    """Return the shape and kind that an array's head tells, before anything of that size is made."""
    if entry.compress_type != zipfile.ZIP_STORED or len(packed.infolist()) != 2:
        raise ValueError(entry.filename)
    with packed.open(entry) as file:
        version = np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file) if version == (1, 0) else ((), False, np.dtype("O"))
    if dtype.hasobject or prod(shape) * dtype.itemsize > entry.file_size:
        raise ValueError(entry.filename)
    return shape, dtype.str


def check_safetensors(path: Path) -> None:
    """Refuse weights whose head does not describe the bytes behind it: each tensor's own, all of them, and no others.

    Raises:
        RunError: it does not.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else LONGEST_HEADER + 1
        if length > min(LONGEST_HEADER, size - 8):
            raise damaged(path.name)
        header = read_told(file.read(length), path.name)
    try:
        tensors = [tensor for name, tensor in header.items() if name != "__metadata__"]
        ends = sorted(_span(tensor) for tensor in tensors)
    except (*BROKEN, AttributeError):
        raise damaged(path.name) from None
    reached = 0
    for begin, end in ends:
        if begin != reached or end < begin:
            raise damaged(path.name)
        reached = end
    if not tensors or len(tensors) > MOST_TENSORS or reached != size - 8 - length:
        raise damaged(path.name)


def _span(tensor: Mapping[str, Any]) -> tuple[int, int]:
    """Return where a tensor's bytes begin and end."""
    begin, end = tensor["data_offsets"]
    shape = tensor["shape"]
    if any(type(each) is not int or each < 0 for each in (begin, end, *shape)):
        raise ValueError
    if end - begin != prod(shape) * NUMBER_BYTES[tensor["dtype"]]:
        raise ValueError
    return begin, end
