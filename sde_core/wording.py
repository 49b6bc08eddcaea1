"""How counts, times, sizes and names are said, the same on every screen and in every command."""

from __future__ import annotations

from collections.abc import Sequence

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_SPANS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def count_of(count: int, noun: str, several: str = "") -> str:
    """A number with its noun: "1 row", "2,000 rows", "3 classes".

    Args:
        count: How many.
        noun: The word for one.
        several: The word for any other number, where it is not the noun with an s.
    """
    return f"{count:,} {noun if count == 1 else several or f'{noun}s'}"


def ordinal(number: int) -> str:
    """A place in an order: "1st", "2nd", "13th"."""
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{suffix}"


def quoted_if_padded(name: str) -> str:
    """A name of the data, in quotes where white space at its ends would not be seen."""
    return f"'{name}'" if name != name.strip() else name


def duration(seconds: float, units: int = 2) -> str:
    """A time span in its largest units, such as "4 min 20 s" or, in one unit, "4 min"; below a second "0 s"."""
    whole = max(round(seconds), 0)
    place = next((place for place, (size, _) in enumerate(_SPANS) if whole >= size), len(_SPANS) - 1)
    words: list[str] = []
    for size, unit in _SPANS[place : place + units]:
        words += [f"{whole // size} {unit}"] if whole >= size or not words else []
        whole %= size
    return " ".join(words)


def size_of(count: float) -> str:
    """Bytes in three digits: "512 B", "1.23 GB", "4,500 TB"."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5:
            return f"{count:.3g} {unit}"
    return f"{count:,.0f} TB"


def two_decimals(value: float, *, signed: bool = False) -> str:
    """A share or a correlation: "0.61", signed "+0.61"; "n/a" for NaN."""
    return "n/a" if value != value else f"{value:{'+' if signed else ''}.2f}"


def sparkline(counts: Sequence[int]) -> str:
    """One character a bin, the highest full; a bin that holds anything is never blank."""
    highest = max(counts, default=0)
    return "".join(_EIGHTHS[max(1, round(8 * count / highest)) if count else 0] for count in counts)
