"""Sequences of different lengths in one batch: padded, with their lengths beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..values import Array

__all__ = [
    "PackedSequence", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence", "pad_sequence", "unpad_sequence",
]  # fmt: skip


class PackedSequence(NamedTuple):
    """A batch (L, N, ...) whose example i ends after lengths[i] steps: a recurrent layer stops there, and returns one.

    (PyTorch's holds the steps in one line; here the padding stays, and is masked.)
    """

    data: Array
    lengths: Array


def pack_padded_sequence(
    input: Array, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Padded sequences (L, N, ...), or (N, L, ...) with batch_first, with their lengths.

    The lengths may be in any order, whatever enforce_sorted says.

    Raises:
        ValueError: N is 0, or the lengths are not N integers from 1 to L.
    """
    data = np.swapaxes(input, 0, 1) if batch_first else input
    sizes, (steps, n) = np.asarray(getattr(lengths, "data", lengths)), np.shape(data)[:2]
    if not n:
        raise ValueError(f"there are no sequences in an input of shape {np.shape(input)}")
    if sizes.shape != (n,) or sizes.dtype.kind not in "iu" or np.any((sizes < 1) | (sizes > steps)):
        raise ValueError(f"lengths must be {n} integers from 1 to {steps}, got {lengths!r}")
    return PackedSequence(data, sizes)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Array, Array]:
    """(The padded batch, its lengths), as long as the longest or total_length.

    Raises:
        ValueError: total_length is too short.
    """
    data, lengths = sequence
    longest = int(np.max(lengths))
    steps = longest if total_length is None else total_length
    if steps < longest:
        raise ValueError(f"total_length={steps} is less than the longest, {longest}")
    ends = [(0, steps - longest), *[(0, 0)] * (np.ndim(data) - 1)]
    inside = np.reshape(np.arange(steps)[:, None] < lengths, (steps, len(lengths), *(1,) * (np.ndim(data) - 2)))
    out = np.where(inside, np.pad(data[:longest], ends), padding_value).astype(data.dtype)
    return np.swapaxes(out, 0, 1) if batch_first else out, lengths


def pad_sequence(
    sequences: Sequence[Array], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Array:
    """Sequences (Lᵢ, ...) side by side, (L, N, ...) or (N, L, ...) with batch_first, filled with padding_value.

    Raises:
        ValueError: there are none, or padding_side is neither "left" nor "right".
    """
    if not len(sequences):
        raise ValueError("there are no sequences")
    if padding_side not in ("left", "right"):
        raise ValueError(f"padding_side must be 'left' or 'right', got {padding_side!r}")
    longest = max(np.shape(s)[0] for s in sequences)
    padded = []
    for s in sequences:
        more = longest - np.shape(s)[0]
        ends = [(more, 0) if padding_side == "left" else (0, more), *[(0, 0)] * (np.ndim(s) - 1)]
        padded.append(np.pad(s, ends, constant_values=padding_value))
    return np.stack(padded, axis=0 if batch_first else 1)


def unpad_sequence(padded_sequences: Array, lengths: Any, batch_first: bool = False) -> list[Array]:
    """The sequences (Lᵢ, ...) of a padded batch."""
    data, lengths = pack_padded_sequence(padded_sequences, lengths, batch_first)
    return [data[:length, i] for i, length in enumerate(lengths)]


def pack_sequence(sequences: Sequence[Array], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (Lᵢ, ...) as one batch."""
    return pack_padded_sequence(pad_sequence(sequences), np.array([np.shape(s)[0] for s in sequences]))
