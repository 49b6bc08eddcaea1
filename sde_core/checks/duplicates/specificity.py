"""How much of what two texts share is theirs alone, and not what a whole crowd of texts says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.checks.duplicates.anchors import TextAnchors

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]

_FEW_TEXTS = 8
_CLUSTER_FACTOR = 1.5


@dataclass(frozen=True)
class Specificity:
    """Tells what is specific to two texts.

    Attributes:
        hashes: uint32[a], the anchors of all texts, text by text.
        starts: int64[n + 1]; text i has the anchors `starts[i]` to `starts[i + 1]`.
        ascending: uint32[b], the anchors of all distinct texts in ascending order.
    """

    hashes: U32
    starts: I64
    ascending: U32

    def shares(self, first: I64, second: I64) -> F32:
        """float32[p], for each pair the share of its anchors that both texts have and few others.

        An anchor is specific where at most 8 distinct texts have it, or 1.5 times as many as have the rarest anchor that the two share: copies
        that come by the hundred share all their anchors with the same texts. Of the texts with more anchors only as many count as the other has.
        """
        sizes = np.diff(self.starts)
        both = np.stack([first, second], axis=1).ravel()
        ends = np.cumsum(sizes[both])
        places = np.repeat(self.starts[both] - ends + sizes[both], sizes[both]) + np.arange(int(ends[-1]) if len(ends) else 0)
        pair = np.repeat(np.arange(len(first), dtype=np.uint64), sizes[first] + sizes[second])
        packed = (pair << np.uint64(32)) | self.hashes[places]
        packed.sort()
        shared = packed[1:][packed[1:] == packed[:-1]]
        pair_of = (shared >> np.uint64(32)).astype(np.int64)
        anchor = shared.astype(np.uint32)
        n_texts = np.searchsorted(self.ascending, anchor, side="right") - np.searchsorted(self.ascending, anchor, side="left")
        rarest = np.full(len(first), np.iinfo(np.int64).max)
        np.minimum.at(rarest, pair_of, n_texts)
        specific = n_texts <= np.maximum(_FEW_TEXTS, _CLUSTER_FACTOR * rarest[pair_of])
        counts = np.bincount(pair_of[specific], minlength=len(first))
        return (counts / np.maximum(np.minimum(sizes[first], sizes[second]), 1)).astype(np.float32)


def specificity(anchors: TextAnchors, distinct: Mask) -> Specificity:
    """What tells common from specific anchors.

    Args:
        anchors: Of all texts.
        distinct: bool[n], the texts that count; copies of another would make its anchors common.
    """
    starts = np.searchsorted(anchors.texts, np.arange(len(anchors.n_tokens) + 1)).astype(np.int64)
    return Specificity(anchors.hashes, starts, np.sort(anchors.hashes[distinct[anchors.texts]]))
