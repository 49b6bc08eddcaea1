"""Texts as sparse vectors of their words and pairs of words, weighted by rarity (TF-IDF)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sde_core.errors import MissingExtraError
from sde_core.progress import NEVER, Cancel, raise_if_cancelled

CHARACTERS_READ = 20_000
"""Of a text so many characters are split into words."""

_WORD = r"(?u)\b\w+\b"
_SMALL = 200
_LOOKED_AFTER = 512


def word_tfidf(texts: Sequence[str], most_terms: int = 400_000, *, cancel: Cancel = NEVER) -> Any:
    """The texts as rows of unit length over words and pairs of neighbouring words.

    A term counts 1 + log(its occurrences), times the logarithm of its rarity; terms of a single text are left out of all but small collections.

    Args:
        texts: As they stand; case does not matter.
        most_terms: The most frequent terms are kept.
        cancel: Looked at between texts.

    Returns:
        scipy.sparse.csr_matrix, float32[n, terms]; a row without a known term is empty.

    Raises:
        MissingExtraError: Without scikit-learn.
        CancelledError: When the user stopped it.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError as error:
        raise MissingExtraError("Words cannot be weighed: scikit-learn is not installed.", "pip install 'sde[labels]'.") from error
    import numpy as np
    from scipy import sparse  # type: ignore[import-untyped,unused-ignore]

    least = 1 if len(texts) < _SMALL else 2
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=least, sublinear_tf=True, max_features=most_terms, token_pattern=_WORD, dtype=np.float32)
    try:
        return vectorizer.fit_transform(_watched(texts, cancel)).tocsr()
    except ValueError:  # no term is left
        return sparse.csr_matrix((len(texts), 1), dtype=np.float32)


def _watched(texts: Sequence[str], cancel: Cancel) -> Iterator[str]:
    for number, text in enumerate(texts):
        if number % _LOOKED_AFTER == 0:
            raise_if_cancelled(cancel)
        yield text[:CHARACTERS_READ]
