"""Bytes of a file, mapped where that is possible and unpacked or transcoded as far as asked where it is not."""

from __future__ import annotations

import codecs
import gzip
import mmap
import os
import tempfile
import weakref
import zlib
from pathlib import Path
from typing import IO, Any, Protocol, cast

from sde_core.errors import InputError
from sde_core.visible import visible

_ENCODING_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"), (b"\x00\x00\xfe\xff", "utf-32-be"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"),
)  # fmt: skip
_ENCODING_BY_ZEROS: dict[tuple[bool, ...], str] = {
    (False, True, False, True): "utf-16-le", (True, False, True, False): "utf-16-be",
    (False, True, True, True): "utf-32-le", (True, True, True, False): "utf-32-be",
}  # fmt: skip
UTF8_MARK = b"\xef\xbb\xbf"
_SMALL = 1 << 18
_CHUNK = 1 << 16
_FEWEST_RELEASED = 1 << 20
_PACKED_PIECE = 1 << 14
"""Bytes unpacked at a time: when one of them is damaged, at most this much of what comes before is lost."""


class Feed(Protocol):
    """A buffer that grows.

    Attributes:
        buffer: What has been fed so far.
        complete: Whether that is all.
        size: Size of the file on disk in bytes.
        is_file: Whether the buffer is the file itself.
        encoding: What the file is written in, "" for UTF-8; the buffer is UTF-8 in any case, a mark at the beginning included.
        damage: Why the data ends early, "" where it does not.
    """

    damage: str
    buffer: mmap.mmap | bytes
    complete: bool
    size: int
    is_file: bool
    encoding: str

    def grow(self, max_bytes: int) -> None:
        """Feeds about `max_bytes` more."""
        ...

    def read(self, start: int, stop: int) -> bytes:
        """These bytes of the buffer, read anew: a pass over all of a file leaves no pages of it in this process.

        Raises:
            InputError: When the file has been cut since it was opened.
        """
        ...

    def release(self, start: int, stop: int) -> None:
        """Lets go of the memory of these bytes, which have been looked at; they can be looked at again."""
        ...

    def position(self, scanned: int) -> int:
        """Bytes of the file on disk that have been read when `scanned` bytes of the buffer have been looked at."""
        ...

    def ensure_whole(self) -> None:
        """Looks whether the file is still as long as it was.

        Raises:
            InputError: When it is not; touching the lost bytes would end the process.
        """
        ...


class MappedFeed:
    """A plain file, mapped: nothing is read before it is looked at. A small one is read, which spares a file descriptor."""

    complete = True
    is_file = True
    encoding = ""
    damage = ""

    def __init__(self, path: Path) -> None:
        self._path = path
        file = path.open("rb", buffering=0)
        self._file: IO[bytes] | None = file if os.fstat(file.fileno()).st_size > _SMALL else None
        self.buffer: mmap.mmap | bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self._file else file.read()
        self.size = len(self.buffer)
        if self._file:
            weakref.finalize(self, _close, file)
        else:
            file.close()

    def grow(self, max_bytes: int) -> None:
        """Does nothing: all of it is there."""

    def read(self, start: int, stop: int) -> bytes:
        """These bytes of the file."""
        if self._file is None:
            return self.buffer[start:stop]
        found = _read_at(self._file, start, stop)
        if len(found) < stop - start:
            self.ensure_whole()
        return found

    def release(self, start: int, stop: int) -> None:
        """Drops the pages from this process; the system may keep them."""
        _release(self.buffer, start, stop)

    def position(self, scanned: int) -> int:
        """As many bytes as have been looked at."""
        return scanned

    def ensure_whole(self) -> None:
        """Raises InputError when the file has been cut since it was opened."""
        if isinstance(self.buffer, mmap.mmap) and self.buffer.size() < self.size:
            raise InputError(f"{visible(str(self._path), 200)} has become shorter since it was opened.", "Open it again.")


class UnpackedFeed:
    """A compressed or UTF-16 file, unpacked to UTF-8 in a temporary file that has no name and goes with the process."""

    is_file = False

    def __init__(self, path: Path, compression: str, encoding: str = "") -> None:
        self._path = path
        self.encoding = encoding
        self._packed = path.open("rb")
        self._plain, self._damage_errors = _decompressing(self._packed, compression)
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass") if encoding else None
        self._spool = tempfile.TemporaryFile(prefix="sde-")  # noqa: SIM115 - lives as long as the feed
        weakref.finalize(self, _close, self._packed, self._spool)
        self._spooled = 0
        self.size = path.stat().st_size
        self.complete = False
        self.damage = ""
        self.buffer: mmap.mmap | bytes = b""

    def grow(self, max_bytes: int) -> None:
        """Unpacks about `max_bytes` more.

        Raises:
            InputError: When the compressed data is damaged from the first byte; damage further on ends the data there.
        """
        wanted = self._spooled + max_bytes
        try:
            while not self.complete and self._spooled < wanted:
                self._spool_chunk()
            self._spool.flush()
        except OSError as error:
            hint = f"Free some space in {tempfile.gettempdir()}, or set TMPDIR to a folder that has more."
            raise InputError(f"{visible(str(self._path), 200)} cannot be unpacked: {error.strerror or error}.", hint) from error
        if self._spooled:
            self.buffer = mmap.mmap(self._spool.fileno(), self._spooled, access=mmap.ACCESS_READ)

    def _spool_chunk(self) -> None:
        try:
            chunk = self._plain.read1(_CHUNK)
            self.complete = not chunk
            if self._decoder is not None:
                chunk = self._decoder.decode(chunk, final=self.complete).encode("utf-8", "surrogatepass")
        except self._damage_errors as error:
            shown = visible(str(self._path), 200)
            if not self._spooled:
                raise InputError(f"{shown}: its data is damaged: {error}.", "Unpack it by hand to see how much can be saved.") from error
            self.damage, self.complete, chunk = str(error), True, b""
        self._spool.write(chunk)
        self._spooled += len(chunk)

    def read(self, start: int, stop: int) -> bytes:
        """These bytes of the temporary file."""
        return _read_at(self._spool, start, stop)

    def release(self, start: int, stop: int) -> None:
        """Drops the pages from this process; the temporary file keeps them."""
        _release(self.buffer, start, stop)

    def position(self, scanned: int) -> int:
        """As much of the packed file as has been unpacked."""
        return self._packed.tell()

    def ensure_whole(self) -> None:
        """Nothing can happen: the unpacked bytes are this process's own."""


def _close(*files: IO[bytes]) -> None:
    for file in files:
        file.close()


def _release(buffer: mmap.mmap | bytes, start: int, stop: int) -> None:
    first = start - start % mmap.PAGESIZE
    if isinstance(buffer, mmap.mmap) and stop - first >= _FEWEST_RELEASED and hasattr(mmap, "MADV_DONTNEED"):
        buffer.madvise(mmap.MADV_DONTNEED, first, min(stop, len(buffer)) - first)


def _read_at(file: IO[bytes], start: int, stop: int) -> bytes:
    """As much as there is between two offsets; one call of the system gives 2 GiB at most."""
    found = os.pread(file.fileno(), stop - start, start)
    while len(found) < stop - start and (more := os.pread(file.fileno(), stop - start - len(found), start + len(found))):
        found += more
    return found


class _PlainBytes(Protocol):
    def read1(self, size: int) -> bytes:
        """Some bytes, none at the end."""
        ...


class _ZstdReader:
    """Zstandard frames, unpacked piece by piece: everything before a damage comes out, and a frame that ends early is noticed."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._rest = b""
        self._frame: Any = None

    def read1(self, size: int) -> bytes:
        """What the next piece of the packed file holds.

        Raises:
            EOFError: When the file ends inside a frame.
            ZstdError: When the packed data is damaged.
        """
        plain = b""
        while not plain:
            piece = self._rest or self._packed.read(_PACKED_PIECE)
            if not piece:
                if self._frame is not None:
                    raise EOFError("the compressed file ends early")
                break
            plain = self._unpacked(piece)
        return plain

    def _unpacked(self, piece: bytes) -> bytes:
        import zstandard

        self._frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
        plain: bytes = self._frame.decompress(piece)
        self._rest = self._frame.unused_data if self._frame.eof else b""
        self._frame = None if self._frame.eof else self._frame
        return plain


def _decompressing(packed: IO[bytes], compression: str) -> tuple[_PlainBytes, tuple[type[Exception], ...]]:
    """A reader of the plain bytes, and what it raises when the packed ones are damaged."""
    if compression == "gz":
        return gzip.GzipFile(fileobj=packed), (OSError, EOFError, zlib.error, UnicodeDecodeError)
    if compression == "zst":
        import zstandard

        return _ZstdReader(packed), (zstandard.ZstdError, EOFError, UnicodeDecodeError)
    return cast("_PlainBytes", packed), (OSError, UnicodeDecodeError)


def compression_of(head: bytes) -> str:
    """ "gz", "zst" or "" by a file's first bytes."""
    if head.startswith(b"\x1f\x8b"):
        return "gz"
    return "zst" if head.startswith(b"\x28\xb5\x2f\xfd") else ""


def encoding_of(head: bytes) -> str:
    """The encoding by a file's first bytes, "" for UTF-8. Data begins with two characters of ASCII, which tells UTF-16 without a mark too."""
    marked = next((name for mark, name in _ENCODING_MARKS if head.startswith(mark)), "")
    if marked or len(head) < 4:
        return marked
    return _ENCODING_BY_ZEROS.get(tuple(byte == 0 for byte in head[:4]), "")


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
