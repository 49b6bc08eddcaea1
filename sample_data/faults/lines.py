"""Lines that no parser accepts."""

from __future__ import annotations

import json

from faults.rows import Fault, Pool, Row


def line_of(row: Row) -> bytes:
    """A record as it is written; NaN stays NaN, and nothing but control characters is escaped."""
    return json.dumps(row.record, ensure_ascii=False).encode()


def broken_lines(pool: Pool) -> None:
    """One of each kind of damage, and one record that was torn in two."""
    rows = [pool.fresh() for _ in range(11)]
    del pool.rows[-11:]
    for row in rows:
        row.record = {
            "id": f"tw-{pool.rng.randrange(1000, 9000):05d}",
            **row.record,
            "date": f"2025-0{pool.rng.randrange(1, 6)}-1{pool.rng.randrange(10)}",
        }
    good = [line_of(row) for row in rows]
    lines = (
        ("cut off", good[0][: len(good[0]) * 3 // 5]),
        ("a quote inside a string is not escaped", good[1].replace(b'"content": "', b'"content": "He said "fine". ', 1)),
        ("a byte that is not UTF-8", good[2].replace(b'"content": "', b'"content": "Caf\xe9 table, window side. ', 1)),
        ("single quotes", str(rows[3].record).encode()),
        ("comma before the closing brace", good[4][:-1] + b", }"),
        ("two records on one line", good[5] + b" " + good[6]),
        ("a comment", b"# --- exported from the old mailbox, part 2 ---"),
        ("a raw control character inside a string", good[7].replace(b'"content": "', b'"content": "\x1b[1m', 1)),
        ("missing colon", good[8].replace(b'"category": ', b'"category" ', 1)),
        ("cut off", good[9][:-9]),
    )
    for detail, line in lines:
        pool.rows.append(Row({}, pool.rng.random(), line=line, faults=[Fault("bad_line", detail)]))
    torn = good[10].index(b'"messages"') + 60
    place = pool.rng.random()
    pool.rows.append(Row({}, place, line=good[10][:torn], faults=[Fault("bad_line", "first half of a torn record")]))
    pool.rows.append(Row({}, place + 1e-12, line=good[10][torn:], faults=[Fault("bad_line", "second half of a torn record")]))
