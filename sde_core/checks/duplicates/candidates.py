"""Pairs worth verifying: MinHash signatures and locality-sensitive hashing.

Signatures: Broder (1997), "On the resemblance and containment of documents": the share of equal minima under random permutations estimates
the Jaccard similarity. Permutations are x -> a x + b modulo 2^32 with odd a over well-mixed 32-bit shingle hashes.
Banding: Indyk and Motwani (1998); Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3.4: with b bands of r minima a pair of
similarity s becomes a candidate with probability 1 - (1 - s^r)^b; with 48 bands of 4 that is 0.95 at 0.5, 0.999 at 0.6 and 1 - 10^-11 at 0.8.
Of every minimum one byte is kept: equal bytes estimate s + (1 - s) / 256 (b-bit minwise hashing, Li and König 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.features.shingles import Shingles
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

I64 = npt.NDArray[np.int64]

_CHUNK_SHINGLES = 1 << 17
_NEIGHBOURS = 12
_ESTIMATE_CHUNK = 1 << 14
_WAITING_PAIRS = 4_000_000


@dataclass(frozen=True)
class Signatures:
    """MinHash signatures of `n` texts.

    Attributes:
        low_bytes: uint8[n, bands * rows_per_band], the lowest byte of every minimum.
        band_keys: uint32[bands, n], a hash of the minima of each band.
    """

    low_bytes: npt.NDArray[np.uint8]
    band_keys: npt.NDArray[np.uint32]

    def estimates(self, first: I64, second: I64) -> npt.NDArray[np.float32]:
        """float32[p], estimated Jaccard similarity of pairs."""
        agreeing = np.empty(len(first), np.float32)
        for start in range(0, len(first), _ESTIMATE_CHUNK):
            chunk = slice(start, start + _ESTIMATE_CHUNK)
            agreeing[chunk] = np.mean(self.low_bytes[first[chunk]] == self.low_bytes[second[chunk]], axis=1, dtype=np.float32)
        estimates: npt.NDArray[np.float32] = np.maximum((agreeing - 1 / 256) / (1 - 1 / 256), 0).astype(np.float32)
        return estimates


def signatures(
    shingles: Shingles, *, bands: int = 48, rows_per_band: int = 4, seed: int = 0, cancel: Cancel = NEVER, progress: Progress = silent
) -> Signatures:
    """MinHash signatures of all texts; progress in texts.

    Raises:
        CancelledError: When stopped.
    """
    n = len(shingles.n_tokens)
    generator = np.random.default_rng(seed)
    factors = generator.integers(0, 1 << 31, bands * rows_per_band, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    offsets = generator.integers(0, 1 << 32, bands * rows_per_band, dtype=np.uint32)
    low_bytes = np.empty((n, bands * rows_per_band), np.uint8)
    band_keys = np.empty((bands, n), np.uint32)
    start = 0
    while start < n:
        raise_if_cancelled(cancel)
        stop = max(start + 1, int(np.searchsorted(shingles.starts, shingles.starts[start] + _CHUNK_SHINGLES, side="right")) - 1)
        minima = _minima(shingles, start, stop, factors, offsets)
        low_bytes[start:stop] = minima.astype(np.uint8).T
        band_keys[:, start:stop] = _band_keys(minima, rows_per_band)
        start = stop
        progress(start, n)
    return Signatures(low_bytes, band_keys)


def _minima(shingles: Shingles, start: int, stop: int, factors: npt.NDArray[np.uint32], offsets: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """uint32[permutations, texts]."""
    begins = shingles.starts[start:stop] - shingles.starts[start]
    hashes = shingles.hashes[shingles.starts[start] : shingles.starts[stop]]
    minima = np.empty((len(factors), stop - start), np.uint32)
    permuted = np.empty_like(hashes)
    for place, (factor, offset) in enumerate(zip(factors, offsets, strict=True)):
        np.multiply(hashes, factor, out=permuted)
        permuted += offset
        np.minimum.reduceat(permuted, begins, out=minima[place])
    return minima


def _band_keys(minima: npt.NDArray[np.uint32], rows_per_band: int) -> npt.NDArray[np.uint32]:
    """uint32[bands, texts]; a chance collision only costs one more verification."""
    keys = np.zeros((len(minima) // rows_per_band, minima.shape[1]), np.uint64)
    for place in range(rows_per_band):
        keys *= np.uint64(0x9E3779B97F4A7C15)
        keys += minima[place::rows_per_band]
        keys ^= keys >> np.uint64(29)
    keys *= np.uint64(0xD6E8FEB86659FD93)
    folded: npt.NDArray[np.uint32] = (keys >> np.uint64(32)).astype(np.uint32)
    return folded


def candidate_pairs(
    sketches: Signatures, eligible: I64, least_estimate: float, *, cancel: Cancel = NEVER, progress: Progress = silent
) -> tuple[I64, I64]:
    """Pairs that share a band and whose estimated similarity is at least `least_estimate`, each once, sorted; progress in bands.

    In a bucket every text meets its next 12 neighbours and the first text: a bucket of thousands of texts stays one component without millions
    of pairs.

    Args:
        sketches: Signatures of all texts.
        eligible: Positions of the texts to pair.
        least_estimate: Lower than the similarity looked for, by a few standard errors of the estimate.
        cancel: Looked at between bands.
        progress: Called between bands.

    Raises:
        CancelledError: When stopped.
    """
    found, waiting, n_waiting = np.empty(0, np.uint64), list[npt.NDArray[np.uint64]](), 0
    for band, keys in enumerate(sketches.band_keys):
        raise_if_cancelled(cancel)
        waiting.append(_bucket_pairs(keys[eligible], eligible))
        n_waiting += len(waiting[-1])
        if n_waiting > max(_WAITING_PAIRS, len(found)) or band + 1 == len(sketches.band_keys):
            new = np.setdiff1d(np.unique(np.concatenate(waiting)), found, assume_unique=True)
            found = np.union1d(found, new[sketches.estimates(*_unpacked(new)) >= least_estimate])
            waiting, n_waiting = [], 0
        progress(band + 1, len(sketches.band_keys))
    return _unpacked(found)


def _unpacked(packed: npt.NDArray[np.uint64]) -> tuple[I64, I64]:
    return (packed >> np.uint64(32)).astype(np.int64), (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _bucket_pairs(keys: npt.NDArray[np.uint32], positions: I64) -> npt.NDArray[np.uint64]:
    """Pairs of positions with equal keys, packed as first << 32 | second, unique."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    pairs = [np.empty(0, np.uint64)]
    for distance in range(1, _NEIGHBOURS + 1):
        at = np.flatnonzero(ordered[distance:] == ordered[:-distance])
        if not len(at):
            break
        pairs.append(_packed(positions[order[at]], positions[order[at + distance]]))
    else:
        leaders = np.searchsorted(ordered, ordered, side="left")
        far = np.flatnonzero(np.arange(len(ordered)) - leaders > _NEIGHBOURS)
        pairs.append(_packed(positions[order[leaders[far]]], positions[order[far]]))
    return np.unique(np.concatenate(pairs))


def _packed(first: I64, second: I64) -> npt.NDArray[np.uint64]:
    low, high = np.minimum(first, second).astype(np.uint64), np.maximum(first, second).astype(np.uint64)
    packed: npt.NDArray[np.uint64] = (low << np.uint64(32)) | high
    return packed
