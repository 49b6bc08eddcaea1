import re

from tests.conftest import ROOT
from tests.readme import README, with_tables


def test_the_generated_tables_are_current():
    text = README.read_text(encoding="utf-8")
    assert with_tables(text) == text, "run: make readme"


def test_every_make_target_and_file_that_readme_names_exists():
    text = README.read_text(encoding="utf-8")
    targets = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text()
    assert targets
    assert all(f"\n{target}:" in makefile for target in targets)
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    assert all((ROOT / path).exists() for path in linked)
    benchmarks = re.findall(r"benchmarks/\w+\.py", text)
    assert all((ROOT / path).exists() for path in benchmarks)
