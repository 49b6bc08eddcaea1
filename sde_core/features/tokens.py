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
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl
import xxhash

from sde_core.features.joined_texts import JoinedTexts

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Texts = Sequence[str] | pl.Series | JoinedTexts

_CHUNK_CHARACTERS = 1 << 18  # what is computed for one chunk stays in the second-level cache
_SLICE = 1 << 12
_LONGEST_IN_WORDS = 64
_SPACE, _SENTENCE, _QUOTE, _OPEN, _CLOSE, _SYMBOL, _WORD, _WIDE = range(8)
_IN_WORD, _ALONE, _QUOTE_BEFORE_WORD, _SENTENCE_BEFORE_WORD = range(1, 5)
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

_BEYOND_ASCII = re.compile(r".?[^\x00-\x7f]+", re.DOTALL)  # with the letter before, which a combining accent belongs to
_LONGEST_REMEMBERED = 12


@dataclass(frozen=True)
class TokenChunk:
    """Tokens of some neighbouring texts.

    Attributes:
        begin: Place of the first of these texts among all.
        hashes: uint64[t], equal where two tokens are the same word or symbol.
        counts: int64[n], tokens of each text.
        text: The UTF-8 of the texts, folded, a newline behind each.
        places: int64[t], where in `text` each token begins.
    """

    begin: int
    hashes: U64
    counts: I64
    text: bytes
    places: I64

    @property
    def starts(self) -> I64:
        """int64[n + 1]; text i has the tokens `starts[i]` to `starts[i + 1]`."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.counts)])

    @property
    def leads(self) -> npt.NDArray[np.uint8]:
        """uint8[t], first byte of each token, whatever its case."""
        return np.frombuffer(self.text, np.uint8)[self.places]

    @property
    def names(self) -> Mask:
        """bool[t], whether a token begins with a capital behind a space that follows a word or a comma: what ends no sentence."""
        text = np.frombuffer(b"\n\n" + self.text, np.uint8)
        capital = _IS_CAPITAL[text[self.places + 2]]
        names: Mask = capital & (text[self.places + 1] == ord(" ")) & _ENDS_NO_SENTENCE[text[self.places]]
        return names


def token_chunks(texts: Texts) -> Iterator[TokenChunk]:
    """The tokens of all texts, about a quarter of a megabyte of text at a time."""
    for begin, chunk in _chunks(texts):
        yield _tokens(begin, chunk)


def folded(text: str) -> str:
    """NFKC, casefold, and ASCII for typographic quotes and dashes; the case of ASCII letters is left to the hash."""
    return text if text.isascii() else _BEYOND_ASCII.sub(lambda found: _folded_run(found[0]), text)


def _folded_run(run: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", run).casefold()).translate(_FOLDED)


def _folded_bytes(encoded: bytes, lengths: I64) -> tuple[bytes, I64]:
    """`folded` for the UTF-8 of several texts, each with a newline behind it, and their lengths after it."""
    high = np.flatnonzero(np.frombuffer(encoded, np.uint8) >= 0x80)
    cuts = np.flatnonzero(np.diff(high) > 1)
    starts, ends = high[np.append(0, cuts + 1)], high[np.append(cuts, len(high) - 1)] + 1
    pieces: list[bytes] = []
    grown = np.zeros(len(starts), np.int64)
    done = 0
    for number, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        run = encoded[start:end]
        begin, replacement = start, _remembered_run(run) if len(run) <= _LONGEST_REMEMBERED else _replacement(run)
        if replacement is None:  # an accent, which joins the letter before it
            begin = max(start - 1, 0)
            replacement = _replacement(encoded[begin:end], accent=True) or b""
        pieces += (encoded[done:begin], replacement)
        grown[number] = len(replacement) - (end - begin)
        done = end
    texts = np.searchsorted(np.cumsum(lengths + 1), starts, side="right")
    return b"".join((*pieces, encoded[done:])), lengths + np.bincount(texts, grown, len(lengths)).astype(np.int64)


def _replacement(run: bytes, *, accent: bool = False) -> bytes | None:
    """What stands for a run of characters beyond ASCII; None where it begins with a combining accent."""
    text = run.decode("utf-8", "surrogatepass")
    return None if not accent and unicodedata.combining(text[0]) else _folded_run(text).encode("utf-8", "surrogatepass")


_remembered_run = lru_cache(1 << 14)(_replacement)


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
    joined = "\n".join((*texts, ""))
    encoded = joined.encode("utf-8", "surrogatepass")
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    if len(encoded) > len(joined):
        sizes = (len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")) for text in texts)
        lengths = np.fromiter(sizes, np.int64, len(texts))
        encoded, lengths = _folded_bytes(encoded, lengths)
    starts, ends = _token_bounds(encoded)
    counts = np.diff(np.searchsorted(starts, np.cumsum(lengths + 1)), prepend=0)
    return TokenChunk(begin, _hashes(encoded.translate(_LOWER), starts, ends - starts), counts, encoded, starts)


def _token_bounds(encoded: bytes) -> tuple[I64, I64]:
    """Where tokens start and end. A byte's part is told by its kind and that of its neighbours, in two look-ups."""
    kinds = np.frombuffer(b"\0" + encoded.translate(_BYTE_KINDS) + b"\0", np.uint8)  # white space on both sides
    ahead = np.frombuffer((kinds[1:-1] << 3 | kinds[2:]).tobytes().translate(_SEEN_AHEAD), np.uint8)
    parts = np.frombuffer(b"\0" + (kinds[:-2] << 3 | ahead).tobytes().translate(_PARTS) + b"\0", np.uint8)
    part, before, after = parts[1:-1], parts[:-2], parts[2:]
    word, symbol = part == _IN_WORD, part == _ALONE
    first, last = symbol | (word & (before != _IN_WORD)), symbol | (word & (after != _IN_WORD))
    if not encoded.isascii():
        starting = _character_starts(np.frombuffer(encoded, np.uint8), kinds[1:-1])
        first |= starting
        last[:-1] |= word[:-1] & starting[1:]
    return np.flatnonzero(first), np.flatnonzero(last) + 1


def _character_starts(text: npt.NDArray[np.uint8], kind: npt.NDArray[np.uint8]) -> Mask:
    """Starts of characters that are a token each (UTF-8 leads E3-ED: kana, Han, Hangul; F0: emoji and rare Han), and of what follows them."""
    if text.max() < 0xE3:
        return np.zeros(len(text), bool)
    three = (text >= 0xE3) & (text <= 0xED)
    four = text >= 0xF0
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
    words = np.frombuffer(lower + bytes(16 - len(lower) % 8), "<u8")
    hashes = _mixed(_eight_bytes(words, starts, lengths))
    for offset in range(8, _LONGEST_IN_WORDS, 8):
        longer = np.flatnonzero(lengths > offset)
        if not len(longer):
            return hashes
        hashes[longer] = _mixed(hashes[longer] * _NEXT + _eight_bytes(words, starts[longer] + offset, lengths[longer] - offset))
    for place in np.flatnonzero(lengths > _LONGEST_IN_WORDS).tolist():
        hashes[place] = xxhash.xxh3_64_intdigest(lower[starts[place] : starts[place] + lengths[place]])
    return hashes


def _eight_bytes(words: U64, places: I64, lengths: I64) -> U64:
    """The eight bytes from each place on, those behind the length set to 0: put together from two aligned words, as a copy would cost more."""
    at = places >> 3
    shifts = ((places & 7) << 3).view(np.uint64)
    bytes_at = words.take(at)
    bytes_at >>= shifts
    bytes_at |= words.take(at + 1) << (np.uint64(64) - shifts)  # a shift by 64 gives 0
    bytes_at &= _LENGTH_MASKS.take(lengths, mode="clip")
    return bytes_at


def _mixed(hashes: U64) -> U64:
    """Spreads every input bit over the upper half of the word, in place."""
    hashes *= _MIX
    hashes ^= hashes >> np.uint64(32)
    hashes *= _MIX
    return hashes


def mixed(hashes: U64) -> U64:
    """A copy with every input bit spread over the upper half of the word."""
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


def _seen_ahead() -> bytes:
    """What a byte is by its kind and the next byte's, kind << 3 | next kind: a small number that `_parts` reads."""
    table = bytearray(256)
    for kind in (_WORD, _WIDE):
        table[kind << 3 : (kind + 1) << 3] = bytes([_IN_WORD]) * 8
    for kind in (_OPEN, _CLOSE, _SYMBOL):
        table[kind << 3 : (kind + 1) << 3] = bytes([_ALONE]) * 8
    table[_QUOTE << 3 | _WORD] = _QUOTE_BEFORE_WORD
    table[_SENTENCE << 3 | _WORD] = _SENTENCE_BEFORE_WORD
    table[_SENTENCE << 3 | _SYMBOL] = _ALONE
    return bytes(table)


def _parts() -> bytes:
    """Whether a byte is in a word, a token alone or in none, by the kind before << 3 | what is seen ahead."""
    table = bytearray(256)
    for before in range(8):
        table[before << 3 | _IN_WORD], table[before << 3 | _ALONE] = _IN_WORD, _ALONE
    table[_WORD << 3 | _QUOTE_BEFORE_WORD] = table[_WORD << 3 | _SENTENCE_BEFORE_WORD] = _IN_WORD
    for before in (_SPACE, _SYMBOL, _OPEN):
        table[before << 3 | _SENTENCE_BEFORE_WORD] = _ALONE
    return bytes(table)


_BYTE_KINDS, _SEEN_AHEAD, _PARTS = _byte_kinds(), _seen_ahead(), _parts()
_LOWER = bytes(range(256)).lower()
_LENGTH_MASKS = np.array([(1 << (8 * length)) - 1 for length in range(9)], np.uint64)
_IS_CAPITAL = np.array([chr(byte).isupper() and byte < 128 for byte in range(256)])
_ENDS_NO_SENTENCE = np.array([(chr(byte).isalnum() and byte < 128) or byte in b",'" or byte >= 0x80 for byte in range(256)])
