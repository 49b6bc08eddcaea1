"""Bytes of a file, mapped where that is possible and unpacked or transcoded as far as asked where it is not."""

from __future__ import annotations

import codecs
import gzip
import mmap
import tempfile
import weakref
import zlib
from pathlib import Path
from typing import IO, Protocol, cast

from sde_core.errors import InputError

_UTF16_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
UTF8_MARK = b"\xef\xbb\xbf"
_CHUNK = 1 << 20


class Feed(Protocol):
    """A buffer that grows.

    Attributes:
        buffer: What has been fed so far.
        complete: Whether that is all.
        size: Size of the file on disk in bytes.
        position: How many of them have been read.
        damage: Why the data ends early, "" where it does not.
    """

    damage: str
    buffer: mmap.mmap | bytes
    complete: bool
    size: int
    position: int

    def grow(self, max_bytes: int) -> None:
        """Feeds about `max_bytes` more."""
        ...


class MappedFeed:
    """A plain file, mapped: nothing is read before it is looked at."""

    def __init__(self, path: Path) -> None:
        self.size = path.stat().st_size
        with path.open("rb") as file:
            self.buffer: mmap.mmap | bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self.size else b""
        self.complete = True
        self.damage = ""
        self.position = self.size

    def grow(self, max_bytes: int) -> None:
        """Does nothing: all of it is there."""


class UnpackedFeed:
    """A compressed or UTF-16 file, unpacked to UTF-8 in a temporary file that has no name and goes with the process."""

    def __init__(self, path: Path, compression: str, encoding: str = "") -> None:
        self._path = path
        self._packed = path.open("rb")
        self._plain, self._damage_errors = _decompressing(self._packed, compression)
        self._decoder = codecs.getincrementaldecoder(encoding)() if encoding else None
        self._spool = tempfile.TemporaryFile(prefix="sde-")  # noqa: SIM115 - lives as long as the feed
        weakref.finalize(self, _close, self._packed, self._spool)
        self._spooled = 0
        self.size = path.stat().st_size
        self.position = 0
        self.complete = False
        self.damage = ""
        self.buffer: mmap.mmap | bytes = b""

    def grow(self, max_bytes: int) -> None:
        """Unpacks about `max_bytes` more.

        Raises:
            InputError: When the compressed data is damaged from the first byte; damage further on ends the data there.
        """
        wanted = self._spooled + max_bytes
        while not self.complete and self._spooled < wanted:
            self._spool_chunk()
        self.position = self._packed.tell()
        self._spool.flush()
        if self._spooled:
            self.buffer = mmap.mmap(self._spool.fileno(), self._spooled, access=mmap.ACCESS_READ)

    def _spool_chunk(self) -> None:
        try:
            chunk = self._plain.read(_CHUNK)
            self.complete = not chunk
            if self._decoder is not None:
                chunk = self._decoder.decode(chunk, final=self.complete).encode("utf-8", "surrogatepass")
        except self._damage_errors as error:
            if not self._spooled:
                raise InputError(f"{self._path}: its data is damaged: {error}.", "Unpack it by hand to see how much can be saved.") from error
            self.damage, self.complete, chunk = str(error), True, b""
        self._spool.write(chunk)
        self._spooled += len(chunk)


def _close(*files: IO[bytes]) -> None:
    for file in files:
        file.close()


def _decompressing(packed: IO[bytes], compression: str) -> tuple[IO[bytes], tuple[type[Exception], ...]]:
    """A reader of the plain bytes, and what it raises when the packed ones are damaged."""
    if compression == "gz":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=packed)), (OSError, EOFError, zlib.error, UnicodeDecodeError)
    if compression == "zst":
        import zstandard

        return zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True), (zstandard.ZstdError, UnicodeDecodeError)
    return packed, (OSError, UnicodeDecodeError)


def compression_of(head: bytes) -> str:
    """ "gz", "zst" or "" by a file's first bytes."""
    if head.startswith(b"\x1f\x8b"):
        return "gz"
    return "zst" if head.startswith(b"\x28\xb5\x2f\xfd") else ""


def encoding_of(head: bytes) -> str:
    """ "utf-16-le", "utf-16-be" or "" by a file's first bytes."""
    marked = next((name for mark, name in _UTF16_MARKS if head.startswith(mark)), "")
    if marked:
        return "utf-16"
    sample = head[:512]
    if len(sample) >= 8 and not any(sample[1::2]) and all(sample[::2]):
        return "utf-16-le"
    return "utf-16-be" if len(sample) >= 8 and not any(sample[::2]) and all(sample[1::2]) else ""


def open_feed(path: Path) -> tuple[Feed, str]:
    """The file's bytes as UTF-8, and the beginning of them for sniffing.

    Raises:
        InputError: When the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    compression = compression_of(head)
    if compression:
        feed: Feed = UnpackedFeed(path, compression)
        feed.grow(1 << 16)
        encoding = encoding_of(bytes(feed.buffer[:4096]))
        if encoding:
            feed = UnpackedFeed(path, compression, encoding)
            feed.grow(1 << 16)
        return feed, compression
    encoding = encoding_of(head)
    if encoding:
        feed = UnpackedFeed(path, "", encoding)
        feed.grow(1 << 16)
        return feed, encoding
    return MappedFeed(path), ""
