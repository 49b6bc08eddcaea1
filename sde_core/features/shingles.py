"""Words and word shingles of many texts at once, as hashes in numpy arrays.

A text becomes a stream of tokens, the same stream for "equal after normalising" and for near-duplicates:

- letters are compared without case, and non-ASCII text in its NFKC form with typographic quotes and dashes folded to ASCII;
- a token is a run of letters, digits and underscores, or one symbol; Chinese, Japanese and Korean characters are one token each;
- punctuation between two ASCII letters or digits belongs to the token ("3.5", "don't", "a.b");
- white space, quotes, and `. , ; : ! ?` at the end of a word are dropped, but "!=", ":=" and ".5" keep theirs: they carry meaning.

Tokens are hashed where they stand: with a random 64-bit value T[b] for each byte and an odd p, the bytes b_i of a token that starts at s
give sum(T[b_i] p^i) p^-s modulo 2^64 (a Rabin-Karp fingerprint; p is odd, so p^-1 exists). No text is split into Python words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

U64 = npt.NDArray[np.uint64]
U32 = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]

_CHUNK_CHARACTERS = 1 << 18  # the 64-bit products of one chunk stay in the second-level cache
_SPACE, _SENTENCE, _QUOTE, _OPEN, _CLOSE, _SYMBOL, _WORD, _WIDE = range(8)
_BASE = 0x9E3779B97F4A7C15
_MIX = np.uint64(0xD6E8FEB86659FD93)

_FOLDED = str.maketrans(
    {
        **dict.fromkeys("“”„‟«»″", '"'),
        **dict.fromkeys("‘’‚‛′´", "'"),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("。｡", ". "),
        "、": ", ",
        "।": ". ",
    }
    | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad")
    | dict.fromkeys("\u0085\u2028\u2029「」『』《》〈〉【】・", " ")
)

_BEYOND_ASCII = re.compile(r".?[^\x00-\x7f]+", re.DOTALL)  # with the letter before, which a combining accent belongs to


@dataclass(frozen=True, slots=True)
class Shingles:
    """Word shingles of `n` texts, repeats within a text included.

    Attributes:
        hashes: uint32[s].
        starts: int64[n + 1]; text i has the shingles `hashes[starts[i]:starts[i + 1]]`.
        n_tokens: int64[n], tokens of each text; a text without tokens has no shingle that means anything.
        sequence_keys: uint64[n], a hash of the whole token stream: equal exactly where two texts are equal after normalising.
        words: Shingle size in tokens.
    """

    hashes: U32
    starts: npt.NDArray[np.int64]
    n_tokens: npt.NDArray[np.int64]
    sequence_keys: U64
    words: int

    def distinct(self, text: int) -> U32:
        """The shingle set of one text, sorted."""
        return np.unique(self.hashes[self.starts[text] : self.starts[text + 1]])


def folded(text: str) -> str:
    """NFKC, casefold, and ASCII for typographic quotes and dashes; the case of ASCII letters is left to the hash."""
    return text if text.isascii() else _BEYOND_ASCII.sub(_folded_run, text)


def _folded_run(found: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", found[0]).casefold()).translate(_FOLDED)


def word_shingles(texts: Sequence[str], words: int = 2, *, cancel: Cancel = NEVER, progress: Progress = silent) -> Shingles:
    """All shingles of `words` tokens; both ends of a text are padded, so that short texts have shingles of fewer words.

    A text of t tokens has t + words - 1 shingles.

    Args:
        texts: Any texts; about 118 MB take a second.
        words: Shingle size, at least 2.
        cancel: Looked at every quarter of a megabyte.
        progress: Called with texts done.

    Raises:
        CancelledError: When stopped.
    """
    parts: list[tuple[U32, npt.NDArray[np.int64], U64]] = []
    for begin, end in _chunk_bounds(texts):
        raise_if_cancelled(cancel)
        tokens, counts = _tokens(texts[begin:end])
        parts.append((_windows(tokens, counts, words), counts, _sequence_keys(tokens, counts)))
        progress(end, len(texts))
    hashes = np.concatenate([np.empty(0, np.uint32), *(part[0] for part in parts)])
    n_tokens = np.concatenate([np.empty(0, np.int64), *(part[1] for part in parts)])
    keys = np.concatenate([np.empty(0, np.uint64), *(part[2] for part in parts)])
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(n_tokens + words - 1)])
    return Shingles(hashes, starts, n_tokens, keys, words)


def _chunk_bounds(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1)
    begin = 0
    while begin < len(texts):
        limit = (ends[begin - 1] if begin else 0) + _CHUNK_CHARACTERS
        end = max(begin + 1, int(np.searchsorted(ends, limit, side="right")))
        yield begin, end
        begin = end


def _tokens(texts: Sequence[str]) -> tuple[U64, npt.NDArray[np.int64]]:
    """Token hashes of some texts, and how many tokens each has."""
    joined = "\n".join(texts)
    if joined.isascii():
        encoded = joined.encode()
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    else:
        lines = [folded(text).encode("utf-8", "surrogatepass") for text in texts]
        encoded = b"\n".join(lines)
        lengths = np.fromiter(map(len, lines), np.int64, len(lines))
    text = np.frombuffer(encoded + b"\n", np.uint8)
    kept, first = _token_bytes(text)
    starts = np.flatnonzero(first)
    counts = np.diff(np.searchsorted(starts, np.cumsum(lengths + 1)), prepend=0)
    if not len(starts):
        return np.empty(0, np.uint64), counts
    powers, inverses = _powers(len(text))
    weighted = _BYTE_VALUES[text * kept]
    weighted *= powers[: len(text)]
    hashes = np.add.reduceat(weighted, starts)
    hashes *= inverses[starts]
    return _mixed(hashes), counts


def _token_bytes(text: npt.NDArray[np.uint8]) -> tuple[Mask, Mask]:
    """Which bytes belong to a token, and which begin one."""
    kind = _BYTE_KINDS[text]
    before, after = np.roll(kind, 1), np.roll(kind, -1)  # the text ends in a newline, so the ends see white space
    ascii_word = kind == _WORD
    beside_words = _shifted(ascii_word, 1) & _shifted(ascii_word, -1)
    sentence = kind == _SENTENCE
    joining = beside_words & (sentence | (kind == _QUOTE))
    opens_word = (after == _WORD) & ((before == _SPACE) | (before == _SYMBOL) | (before == _OPEN))
    symbol = (kind == _SYMBOL) | (kind == _OPEN) | (kind == _CLOSE) | (sentence & ~joining & (opens_word | (after == _SYMBOL)))
    word = ascii_word | (kind == _WIDE) | joining
    first = symbol | (word & ~_shifted(word, 1)) | _character_starts(text)
    return word | symbol, first


def _character_starts(text: npt.NDArray[np.uint8]) -> Mask:
    """Starts of characters that are a token each (UTF-8 leads E3-ED: kana, Han, Hangul; F0: emoji and rare Han), and of what follows them."""
    three = (text >= 0xE3) & (text <= 0xED)
    four = text >= 0xF0
    if not (three.any() or four.any()):
        return three
    word = text >= 0x80
    word |= _BYTE_KINDS[text] == _WORD
    return three | four | (word & (_shifted(three, 3) | _shifted(four, 4)))


def _shifted(mask: Mask, by: int) -> Mask:
    """`mask` moved right by `by` places (left where negative), False where nothing moves in."""
    moved = np.zeros_like(mask)
    if by > 0:
        moved[by:] = mask[:-by]
    else:
        moved[:by] = mask[-by:]
    return moved


def _windows(tokens: U64, counts: npt.NDArray[np.int64], words: int) -> U32:
    pads = words - 1
    row_of_token = np.repeat(np.arange(1, len(counts) + 1), counts)
    padded = np.full(len(tokens) + pads * (len(counts) + 1), _MIX, np.uint64)
    padded[np.arange(len(tokens)) + pads * row_of_token] = tokens
    n_shingles = len(padded) - pads
    combined = padded[:n_shingles].copy()
    for place in range(1, words):
        combined *= np.uint64(_BASE)
        combined += padded[place : place + n_shingles]
    hashes: U32 = (_mixed(combined) >> np.uint64(32)).astype(np.uint32)
    return hashes


def _sequence_keys(tokens: U64, counts: npt.NDArray[np.int64]) -> U64:
    """A hash of each text's token stream: sum(token_j p^j) over the places j in the text, mixed with the count."""
    keys = counts.astype(np.uint64)
    filled = np.flatnonzero(counts)
    if len(filled):
        powers, inverses = _powers(len(tokens))
        starts = (np.cumsum(counts) - counts)[filled]
        keys[filled] += np.add.reduceat(tokens * powers[: len(tokens)], starts) * inverses[starts]
    return _mixed(keys)


def _mixed(hashes: U64) -> U64:
    """Spreads every input bit over the word, in place."""
    for shift in (32, 29):
        hashes ^= hashes >> np.uint64(shift)
        hashes *= _MIX
    hashes ^= hashes >> np.uint64(32)
    return hashes


_power_tables: list[tuple[U64, U64]] = []


def _powers(n: int) -> tuple[U64, U64]:
    """p^i and p^-i modulo 2^64 for i < n; tables of one chunk are kept, longer ones belong to a single giant text."""
    if n > 4 * _CHUNK_CHARACTERS:
        return _power_table(_BASE, n), _power_table(pow(_BASE, -1, 1 << 64), n)
    if not _power_tables:
        size = 4 * _CHUNK_CHARACTERS
        _power_tables.append((_power_table(_BASE, size), _power_table(pow(_BASE, -1, 1 << 64), size)))
    return _power_tables[0]


def _power_table(base: int, n: int) -> U64:
    factors = np.full(n, base, np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)


def _byte_kinds() -> npt.NDArray[np.uint8]:
    kinds = np.full(256, _SYMBOL, np.uint8)
    kinds[:33] = kinds[127] = _SPACE
    kinds[0x80:] = _WIDE
    for kind, members in ((_SENTENCE, b".,;:!?"), (_QUOTE, b"\"'`"), (_OPEN, b"([{"), (_CLOSE, b")]}")):
        kinds[list(members)] = kind
    kinds[[byte for byte in range(128) if chr(byte).isalnum() or byte == ord("_")]] = _WORD
    return kinds


def _byte_values() -> U64:
    """A random value a byte, the same for both cases of a letter, 0 for byte 0: bytes outside tokens are set to 0."""
    values = np.random.default_rng(2).integers(1, 1 << 64, 256, dtype=np.uint64)
    values[ord("A") : ord("Z") + 1] = values[ord("a") : ord("z") + 1]
    values[0] = 0
    return values


_BYTE_KINDS = _byte_kinds()
_BYTE_VALUES = _byte_values()
