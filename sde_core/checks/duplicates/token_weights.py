"""How much each token says: the rarer in this corpus, the more, and more for numbers and names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.features.tokens import TokenChunk, sequence_keys, token_chunks

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_BUCKETS_LOG2 = 18
_FEWEST_BUCKETS_LOG2 = 14
_SAMPLED_TEXTS = 6000
_UNSEEN_TEXTS = 1000  # imagined texts without any token of this corpus, so that three rows are no statistics
_FUNCTION_TEXTS = 300  # how many of them hold any given function word
_FACT_FACTOR = 1.75
_SYMBOL_FACTOR = 0.5
_LEAST = 0.1
_LEAST_CONTENT = 4.5
_MOST = 10.0
_NO_BUCKETS = np.empty(0, np.int32)

_FUNCTION_WORDS = (
    "a an the this that these those and or but nor so if then than as of in on at by for from to with without into onto over under about "
    "between after before during is are was were be been being am do does did done has have had having will would shall should can could "
    "may might must not no it its i you he she we they me him her us them my your his our their what which who whom whose when where why "
    "how there here all any some each every both more most other such only own same too very just also up down out off again once"
)


@dataclass(frozen=True)
class TokenWeights:
    """Weights of tokens, in bits.

    A token that is in d of n sampled distinct texts weighs log2((n + 1000) / (d + 1)), at most 10; a function word counts as 300 texts more.
    Other words weigh at least 4.5, or a row that has hundreds of edited copies would say nothing. Tokens that begin with a digit, and those that
    mostly stand with a capital in the middle of a sentence, weigh 1.75 times that; symbols half.

    Attributes:
        by_bucket: float32[2^k], by the top k bits of a token's hash; more buckets the more tokens were sampled.
    """

    by_bucket: F32

    def of(self, chunk: TokenChunk) -> F32:
        """float32[t], the weights of a chunk's tokens."""
        weights = self.by_bucket[_buckets(chunk, len(self.by_bucket).bit_length() - 1)]
        weights *= _LEAD_FACTORS[chunk.leads]
        return weights


def _buckets(chunk: TokenChunk, log2: int = _BUCKETS_LOG2) -> I64:
    buckets: I64 = (chunk.hashes >> np.uint64(64 - log2)).astype(np.int64)
    return buckets


class WeightSample:
    """Collects the tokens of evenly spaced texts while all texts pass by."""

    def __init__(self, n_texts: int) -> None:
        self._share = min(1.0, _SAMPLED_TEXTS / max(n_texts, 1))
        self._passed = self._taken = 0
        self._all, self._names, self._distinct = [_NO_BUCKETS], [_NO_BUCKETS], [_NO_BUCKETS]
        self._counts, self._keys = [np.empty(0, np.int64)], [np.empty(0, np.uint64)]

    def add(self, chunk: TokenChunk, keys: npt.NDArray[np.uint64]) -> None:
        """Takes a chunk where it is its turn.

        Args:
            chunk: Tokens of the next texts.
            keys: uint64[n], their sequence keys: equal texts count once.
        """
        if self._taken <= self._share * self._passed:
            self._taken += len(keys)
            buckets = _buckets(chunk).astype(np.int32)
            text = np.repeat(np.arange(len(keys)), chunk.counts)
            packed = (text << _BUCKETS_LOG2) | buckets
            packed.sort()
            packed = packed[np.diff(packed, prepend=-1) > 0]
            self._distinct.append((packed & ((1 << _BUCKETS_LOG2) - 1)).astype(np.int32))
            self._counts.append(np.bincount(packed >> _BUCKETS_LOG2, minlength=len(keys)))
            self._all.append(buckets)
            self._names.append(buckets[chunk.names])
            self._keys.append(keys)
        self._passed += len(keys)

    def weights(self) -> TokenWeights:
        """Weights by the texts taken so far."""
        keys, counts = np.concatenate(self._keys), np.concatenate(self._counts)
        order = np.argsort(keys, kind="stable")
        first = np.zeros(len(keys), bool)
        first[order] = np.diff(keys[order], prepend=np.uint64(0)) > 0
        distinct = np.concatenate(self._distinct)[np.repeat(first, counts)]
        log2 = min(_BUCKETS_LOG2, max(_FEWEST_BUCKETS_LOG2, (4 * len(distinct)).bit_length()))

        def counted(buckets: npt.NDArray[np.int32]) -> I64:
            return np.bincount(buckets >> (_BUCKETS_LOG2 - log2), minlength=1 << log2)

        n_texts_with = counted(distinct) + _FUNCTION_TEXTS * counted(_FUNCTION_BUCKETS)
        weights = np.log2((int(first.sum()) + _UNSEEN_TEXTS) / (n_texts_with + 1.0))
        weights = np.minimum(weights, _MOST)
        content = counted(_FUNCTION_BUCKETS) == 0
        weights[content] = np.maximum(weights[content], _LEAST_CONTENT)
        weights[2 * counted(np.concatenate(self._names)) > counted(np.concatenate(self._all))] *= _FACT_FACTOR
        return TokenWeights(np.maximum(weights, _LEAST).astype(np.float32))


def token_weights(texts: Iterable[str]) -> TokenWeights:
    """Weights by all of these texts."""
    listed = list(texts)
    sample = WeightSample(0)
    for chunk in token_chunks(listed):
        sample.add(chunk, sequence_keys(chunk))
    return sample.weights()


def _lead_factors() -> F32:
    factors = np.full(256, _SYMBOL_FACTOR, np.float32)
    factors[0x80:] = factors[ord("a") : ord("z") + 1] = factors[ord("A") : ord("Z") + 1] = 1
    factors[ord("0") : ord("9") + 1] = _FACT_FACTOR
    return factors


_LEAD_FACTORS = _lead_factors()
_FUNCTION_BUCKETS = np.concatenate([_buckets(chunk).astype(np.int32) for chunk in token_chunks(_FUNCTION_WORDS.split())])
