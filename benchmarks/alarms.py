"""How many findings each check has in each real file, for reading the alarms by eye.

    python benchmarks/alarms.py                                   every dataset under ../shared/data, and the sample
    python benchmarks/alarms.py --data FOLDER_OR_FILE …           other files
    python benchmarks/alarms.py --only near-duplicate             one check
    python benchmarks/alarms.py --keep FOLDER                     all findings there too, one JSON Lines file a dataset

Files are only read. docs/false_alarms.md says what a reader thought of what this prints.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from sde_core.checks import run_checks  # noqa: E402
from sde_core.checks.findings import Finding  # noqa: E402
from sde_core.dataset import open_dataset  # noqa: E402

SHARED = Path(os.environ.get("SDE_SHARED", ROOT.parent / "shared")) / "data"
NOT_DATA = {".md", ".yaml"}
NO_ROWS = {"dataset_info.json"}


def datasets(places: Sequence[Path]) -> Iterator[Path]:
    """The data files in these places, in order."""
    for place in places:
        files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
        yield from (path for path in files if path.suffix not in NOT_DATA and path.name not in NO_ROWS)


def keep(folder: Path, path: Path, findings: Sequence[Finding]) -> None:
    """Writes the findings of one dataset."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(finding.to_json(), ensure_ascii=False) for finding in findings)
    (folder / f"{path.parent.name}.{path.name}.findings.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def main() -> None:
    """Prints file, rows, findings, and the findings of each check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", default=[SHARED, ROOT / "sample_data" / "support.jsonl"])
    parser.add_argument("--only", default="", help="names of checks, with commas")
    parser.add_argument("--keep", type=Path, help="a folder for all findings")
    options = parser.parse_args()
    rows, total = 0, Counter[str]()
    for path in datasets(options.data):
        dataset = open_dataset(path)
        report = run_checks(dataset, [name for name in options.only.split(",") if name])
        counts = Counter(finding.check for finding in report.findings)
        rows, total = rows + report.rows, total + counts
        print(f"{path.parent.name}/{path.name}  {report.rows:,} rows  {counts.total():,} findings", flush=True)
        for check, count in counts.most_common():
            print(f"    {count:6,}  {check}")
        if options.keep:
            keep(options.keep, path, report.findings)
    print(f"all  {rows:,} rows  {total.total():,} findings, {1000 * total.total() / max(rows, 1):.2f} a thousand rows")
    for check, count in total.most_common():
        print(f"    {count:6,}  {check}")


if __name__ == "__main__":
    main()
