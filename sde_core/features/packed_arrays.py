"""Arrays of integers as text, for what one process tells another in JSON."""

from __future__ import annotations

from array import array
from base64 import b64decode, b64encode


def packed_array(values: array[int]) -> str:
    """The array's bytes in Base64."""
    return b64encode(values.tobytes()).decode()


def unpacked_array(typecode: str, packed: str) -> array[int]:
    """The array of this type code (see `array`) that `packed_array` packed."""
    return array(typecode, b64decode(packed))
