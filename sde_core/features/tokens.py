"""Words and symbols of many texts at once, as hashes in numpy arrays.

A text becomes a stream of tokens:

- letters are compared without case, and non-ASCII text in its NFKC form with typographic quotes and dashes folded to ASCII;
- a token is a run of letters, digits and underscores, or one symbol; Chinese, Japanese and Korean characters are one token each;
- punctuation between two ASCII letters or digits belongs to the token ("3.5", "don't", "a.b");
- white space, quotes, and `. , ; : ! ?` at the end of a word are dropped, but "!=", ":=" and ".5" keep theirs: they carry meaning.

No text is split in Python. The bytes of many texts are classified by one table, the borders of tokens found by comparing neighbours, and each
token hashed from the eight-byte words that it is made of.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import xxhash

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Texts = Sequence[str] | pl.Series

_CHUNK_CHARACTERS = 1 << 18  # what is computed for one chunk stays in the second-level cache
_SLICE = 1 << 12
_LONGEST_IN_WORDS = 64
_SPACE, _SENTENCE, _QUOTE, _OPEN, _CLOSE, _SYMBOL, _WORD, _WIDE = range(8)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_NEXT = np.uint64(0x9E3779B97F4A7C15)

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

_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_WITH_LETTER_BEFORE = re.compile(r".?[^\x00-\x7f]+", re.DOTALL)
_ACCENTED_ASCII = re.compile("[\x00-\x7f][\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")


@dataclass(frozen=True, slots=True)
class TokenChunk:
    """Tokens of some neighbouring texts.

    Attributes:
        begin: Place of the first of these texts among all.
        hashes: uint64[t], equal where two tokens are the same word or symbol.
        counts: int64[n], tokens of each text.
        leads: uint8[t], first byte of each token in lower case.
        names: bool[t], whether a token begins with a capital letter in the middle of a sentence.
    """

    begin: int
    hashes: U64
    counts: I64
    leads: npt.NDArray[np.uint8]
    names: Mask

    @property
    def starts(self) -> I64:
        """int64[n + 1]; text i has the tokens `starts[i]` to `starts[i + 1]`."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.counts)])


def token_chunks(texts: Texts) -> Iterator[TokenChunk]:
    """The tokens of all texts, about a quarter of a megabyte of text at a time."""
    for begin, chunk in _chunks(texts):
        yield _tokens(begin, chunk)


def folded(text: str) -> str:
    """NFKC, casefold, and ASCII for typographic quotes and dashes; the case of ASCII letters is left to the hash."""
    if text.isascii():
        return text
    runs = _WITH_LETTER_BEFORE if _ACCENTED_ASCII.search(text) else _BEYOND_ASCII  # a combining accent joins the letter before it
    return runs.sub(_folded_run, text)


def _folded_run(found: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", found[0]).casefold()).translate(_FOLDED)


def _chunks(texts: Texts) -> Iterator[tuple[int, list[str]]]:
    for offset in range(0, len(texts), _SLICE):
        part = texts[offset : offset + _SLICE]
        listed = part.to_list() if isinstance(part, pl.Series) else part
        for begin, end in _chunk_bounds(listed):
            yield offset + begin, list(listed[begin:end])


def _chunk_bounds(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1)
    begin = 0
    while begin < len(texts):
        limit = (ends[begin - 1] if begin else 0) + _CHUNK_CHARACTERS
        end = max(begin + 1, int(np.searchsorted(ends, limit, side="right")))
        yield begin, end
        begin = end


def _tokens(begin: int, texts: list[str]) -> TokenChunk:
    joined = "\n".join(texts)
    if joined.isascii():
        encoded = joined.encode()
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    else:
        lines = [folded(text).encode("utf-8", "surrogatepass") for text in texts]
        encoded = b"\n".join(lines)
        lengths = np.fromiter(map(len, lines), np.int64, len(lines))
    encoded += b"\n"
    starts, ends = _token_bounds(np.frombuffer(encoded.translate(_BYTE_KINDS), np.uint8), np.frombuffer(encoded, np.uint8))
    counts = np.diff(np.searchsorted(starts, np.cumsum(lengths + 1)), prepend=0)
    lower = encoded.translate(_LOWER)
    leads = np.frombuffer(lower, np.uint8)[starts]
    return TokenChunk(begin, _hashes(lower, starts, ends - starts), counts, leads, _names(encoded, starts, leads))


def _names(encoded: bytes, starts: I64, leads: npt.NDArray[np.uint8]) -> Mask:
    """Tokens with a capital behind a space that follows a word or a comma: what ends no sentence."""
    text = np.frombuffer(b"\n\n" + encoded, np.uint8)
    capital = text[starts + 2] != leads
    names: Mask = capital & (text[starts + 1] == ord(" ")) & _ENDS_NO_SENTENCE[text[starts]]
    return names


def _token_bounds(kind: npt.NDArray[np.uint8], text: npt.NDArray[np.uint8]) -> tuple[I64, I64]:
    """Where tokens start and end."""
    before, after = np.roll(kind, 1), np.roll(kind, -1)  # the text ends in a newline, so the ends see white space
    ascii_word = kind == _WORD
    sentence = kind == _SENTENCE
    joining = (before == _WORD) & (after == _WORD) & (sentence | (kind == _QUOTE))
    opens_word = (after == _WORD) & ((before == _SPACE) | (before == _SYMBOL) | (before == _OPEN))
    symbol = (kind >= _OPEN) & (kind <= _SYMBOL)
    symbol |= sentence & ~joining & (opens_word | (after == _SYMBOL))
    word = ascii_word | (kind == _WIDE) | joining
    first: Mask = symbol | (word & ~_shifted(word, 1)) | _character_starts(text, kind)
    kept = word | symbol
    last = kept & (_shifted(first, -1) | ~_shifted(kept, -1))
    return np.flatnonzero(first), np.flatnonzero(last) + 1


def _character_starts(text: npt.NDArray[np.uint8], kind: npt.NDArray[np.uint8]) -> Mask:
    """Starts of characters that are a token each (UTF-8 leads E3-ED: kana, Han, Hangul; F0: emoji and rare Han), and of what follows them."""
    three = (text >= 0xE3) & (text <= 0xED)
    four = text >= 0xF0
    if not (three.any() or four.any()):
        return three
    word = (text >= 0x80) | (kind == _WORD)
    starts: Mask = three | four | (word & (_shifted(three, 3) | _shifted(four, 4)))
    return starts


def _shifted(mask: Mask, by: int) -> Mask:
    """`mask` moved right by `by` places (left where negative), False where nothing moves in."""
    moved = np.zeros_like(mask)
    if by > 0:
        moved[by:] = mask[:-by]
    else:
        moved[:by] = mask[-by:]
    return moved


def _hashes(lower: bytes, starts: I64, lengths: I64) -> U64:
    """A hash of each token's bytes, eight at a time; those of the few long tokens one by one."""
    words = np.ndarray(len(lower), "<u8", buffer=lower + bytes(8), strides=(1,))
    hashes: U64 = words.take(starts)
    hashes &= _LENGTH_MASKS[np.minimum(lengths, 8)]
    _mixed(hashes)
    for offset in range(8, _LONGEST_IN_WORDS, 8):
        longer = np.flatnonzero(lengths > offset)
        if not len(longer):
            return hashes
        more = words.take(starts[longer] + offset) & _LENGTH_MASKS[np.minimum(lengths[longer] - offset, 8)]
        hashes[longer] = _mixed(hashes[longer] * _NEXT + more)
    for place in np.flatnonzero(lengths > _LONGEST_IN_WORDS).tolist():
        hashes[place] = xxhash.xxh3_64_intdigest(lower[starts[place] : starts[place] + lengths[place]])
    return hashes


def _mixed(hashes: U64) -> U64:
    """Spreads every input bit over the word, in place."""
    hashes ^= hashes >> np.uint64(32)
    hashes *= _MIX
    hashes ^= hashes >> np.uint64(29)
    hashes *= _MIX
    hashes ^= hashes >> np.uint64(32)
    return hashes


def mixed(hashes: U64) -> U64:
    """A copy with every input bit spread over the word."""
    return _mixed(hashes.copy())


def sequence_keys(chunk: TokenChunk) -> U64:
    """uint64[n], a hash of each text's token stream, equal where two texts are equal after normalising.

    sum(token_j p^j) over the places j in the text modulo 2^64 with an odd p (Karp and Rabin 1987), mixed with the count of tokens.
    """
    keys = chunk.counts.astype(np.uint64)
    filled = np.flatnonzero(chunk.counts)
    if len(filled):
        powers, inverses = _powers(len(chunk.hashes))
        starts = chunk.starts[:-1][filled]
        keys[filled] += np.add.reduceat(chunk.hashes * powers[: len(chunk.hashes)], starts) * inverses[starts]
    return _mixed(keys)


_power_tables: list[tuple[U64, U64]] = []


def _powers(n: int) -> tuple[U64, U64]:
    """p^i and p^-i modulo 2^64 for i < n; tables of one chunk are kept, longer ones belong to a single giant text."""
    base, inverse = int(_NEXT), pow(int(_NEXT), -1, 1 << 64)
    if n > _CHUNK_CHARACTERS:
        return _power_table(base, n), _power_table(inverse, n)
    if not _power_tables:
        _power_tables.append((_power_table(base, _CHUNK_CHARACTERS), _power_table(inverse, _CHUNK_CHARACTERS)))
    return _power_tables[0]


def _power_table(base: int, n: int) -> U64:
    factors = np.full(n, base, np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)


def _byte_kinds() -> bytes:
    kinds = bytearray([_SYMBOL]) * 256
    kinds[:33] = bytes([_SPACE]) * 33
    kinds[127] = _SPACE
    kinds[0x80:] = bytes([_WIDE]) * 128
    for kind, members in ((_SENTENCE, b".,;:!?"), (_QUOTE, b"\"'`"), (_OPEN, b"([{"), (_CLOSE, b")]}")):
        for byte in members:
            kinds[byte] = kind
    for byte in range(128):
        if chr(byte).isalnum() or byte == ord("_"):
            kinds[byte] = _WORD
    return bytes(kinds)


_BYTE_KINDS = _byte_kinds()
_LOWER = bytes(range(256)).lower()
_LENGTH_MASKS = np.array([(1 << (8 * length)) - 1 for length in range(9)], np.uint64)
_ENDS_NO_SENTENCE = np.array([(chr(byte).isalnum() and byte < 128) or byte in b",'" or byte >= 0x80 for byte in range(256)])
