"""What a comparison of sample designs consists of: its request, its records, its cells, and its start as a job."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import xxhash

from sde_core.design.alike import alike
from sde_core.design.options import design_named, why_not
from sde_core.design.task import Entry, Task, TaskRecord
from sde_core.design.task_file import TaskFile, read_task, task_text
from sde_core.errors import InputError, UsageError
from sde_core.evaluate.cell_context import compared_recipe
from sde_core.files import atomic_write
from sde_core.jobs import Job, launch
from sde_core.jobs.prepared import prepared_folder
from sde_core.train.device import devices_of, refuse_missing_packages
from sde_core.train.history import json_or_none
from sde_core.train.launch import write_recipe
from sde_core.train.preflight import steps_of
from sde_core.train.recipe import Recipe, read_recipe
from sde_core.train.tokenizer import load_tokenizer, model_location
from sde_core.visible import visible
from sde_core.wording import count_of

KIND = "design-compare"
DEFAULT_SIZES, DEFAULT_SEEDS = (500,), 3
MOST_CELLS = 500
TEST_SHARE, MOST_TEST, FEWEST_TEST = 0.2, 200, 10
DOMAINS = ("test", "ood")
BEFORE = ("zero-shot", "in-context")
"""Ways in which the untuned model is asked, to see whether what prompts well also tunes well."""


@dataclass(frozen=True)
class DesignRequest:
    """What is to be compared.

    Attributes:
        designs: As `design_named` reads them, none twice.
        sizes: Training records of a cell.
        seeds: Runs of every cell.
        wordings: Which of the task's instructions, from 0.
        test: Records to test on where no file is named; None for a fifth, at most `MOST_TEST`.
        max_new_tokens: Tokens that an answer may have; None for what the longest answer of the training records needs.
        temperature: 0 for the likeliest token every time.
        before: Whether the untuned model is asked too.
    """

    designs: tuple[str, ...]
    sizes: tuple[int, ...] = DEFAULT_SIZES
    seeds: int = DEFAULT_SEEDS
    wordings: tuple[int, ...] = (0,)
    test: int | None = None
    max_new_tokens: int | None = None
    temperature: float = 0.0
    before: bool = True

    def __post_init__(self) -> None:
        named = [design_named(name) for name in self.designs]
        if not named or len(set(named)) < len(named):
            raise UsageError("Name different designs, separated by commas outside options.", "For example --design es-sde --design ew-sde.")
        if min(self.sizes, default=0) < 1 or self.seeds < 1:
            raise UsageError("Sizes and seeds are at least 1.", "For example --sizes 500,1000 --seeds 3.")
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise UsageError(f"A temperature cannot be {self.temperature:g}.", "0 takes the likeliest token every time; 0.7 draws.")
        cells = len(named) * len(set(self.sizes)) * self.seeds * len(set(self.wordings))
        if cells > MOST_CELLS:
            raise UsageError(f"These are {cells:,} runs.", f"At most {MOST_CELLS:,} make sense in one comparison.")


@dataclass(frozen=True)
class Cell:
    """One run: a design on so many records, with one wording and one seed.

    Attributes:
        name: Its folder.
        design: As the request names it.
        size: Records that it trains on.
        wording: Of the instruction.
        seed: Of order and adapter.
        steps: Optimizer steps; the same for all designs at a size.
        before: Steps of all cells before it.
    """

    name: str
    design: str
    size: int
    wording: int
    seed: int
    steps: int
    before: int


@dataclass(frozen=True)
class DesignInput:
    """What a comparison's job reads from its folder.

    Attributes:
        request: What is compared.
        recipe: How every cell is trained.
        tasks: The task of each domain; a domain without one is not scored.
        train: Records to train on, in the order in which sizes take them.
        records: Records of each domain to score on.
    """

    request: DesignRequest
    recipe: Recipe
    tasks: Mapping[str, Task]
    train: Sequence[TaskRecord]
    records: Mapping[str, Sequence[TaskRecord]]

    @property
    def cells(self) -> list[Cell]:
        """Every run; all designs of a seed before the next seed, so that what is finished early can be compared."""
        cells: list[Cell] = []
        before = 0
        for size in dict.fromkeys(self.request.sizes):
            steps = steps_of(min(size, len(self.train)), self.recipe)
            for seed in range(self.request.seeds):
                for wording in dict.fromkeys(self.request.wordings):
                    for number, design in enumerate(self.request.designs):
                        name = f"{number}-n{size}-w{wording}-s{seed}"
                        cells.append(Cell(name, design, size, wording, self.recipe.seed + seed, steps, before))
                        before += steps
        return cells


def split_records(records: Sequence[TaskRecord], test: int | None, seed: int) -> tuple[list[TaskRecord], list[TaskRecord]]:
    """Records to train on, in a drawn order, and records to test on; equal texts stay on one side.

    Args:
        records: All there are.
        test: How many to test on; None for a fifth, at most `MOST_TEST`.
        seed: Of the draw.

    Raises:
        UsageError: When too few are left on a side.
    """
    drawn = _drawn_texts(records, seed)
    wanted = test if test is not None else min(max(round(TEST_SHARE * len(records)), FEWEST_TEST), MOST_TEST)
    held: set[str] = set()
    taken = 0
    for text, count in drawn.items():
        if taken >= wanted:
            break
        held.add(text)
        taken += count
    training = training_records(records, held, seed)
    testing = [record for record in records if record.text in held]
    if not training or not testing:
        raise UsageError(f"{len(records):,} records are too few to train and to test on.", "Name a test file with --test.")
    return training, testing


def training_records(records: Sequence[TaskRecord], tested: Collection[str], seed: int) -> list[TaskRecord]:
    """Records to train on, in the drawn order in which sizes take them.

    Args:
        records: All there are.
        tested: Texts that are tested on; their records are left out.
        seed: Of the draw.
    """
    rank = {text: place for place, text in enumerate(_drawn_texts(records, seed))}
    return sorted((record for record in records if record.text not in tested), key=lambda record: rank[record.text])


def _drawn_texts(records: Sequence[TaskRecord], seed: int) -> dict[str, int]:
    """Different texts in drawn order, and how many records each has."""
    counts = Counter(record.text for record in records)
    texts = list(counts)
    return {texts[place]: counts[texts[place]] for place in np.random.default_rng(seed).permutation(len(texts)).tolist()}


def launch_design_compare(
    jobs_dir: Path,
    request: DesignRequest,
    recipe: Recipe,
    file: TaskFile,
    train: Sequence[TaskRecord],
    test: Sequence[TaskRecord],
    *,
    ood: tuple[Task, Sequence[TaskRecord]] | None = None,
    dataset: str = "",
) -> Job:
    """Start the detached job that trains and scores every cell.

    Args:
        jobs_dir: The dataset's job folders.
        request: What is compared.
        recipe: How every cell is trained; its seed is the first.
        file: The task of the data.
        train: Records to train on, in order.
        test: Records of the same domain to score on.
        ood: Another domain: its task and records.
        dataset: Path of the data, for the list of jobs.

    Raises:
        UsageError: When a design makes no sense for the task or the other domain, or a size is larger than the data.
        ModelError: When the model cannot be used.
        ReadOnlyError: When the job folder cannot be written.
    """
    refuse_missing_packages("Training")
    refuse_request(request, file.task, train, test, ood=ood)
    load_tokenizer(recipe.model)
    tasks = {"test": file} | ({"ood": TaskFile(ood[0], file.text_field, file.said_field)} if ood else {})
    records = {"train": train, "test": test} | ({"ood": ood[1]} if ood else {})
    title = f"Designs {', '.join(request.designs)} on {visible(Path(dataset).name, 40)}"
    with prepared_folder(jobs_dir, KIND) as folder:
        write_recipe(folder, compared_recipe(recipe), model_location(recipe.model))
        (folder / "request.json").write_bytes(orjson.dumps(dataclasses.asdict(request)))
        _write_records(folder, tasks, records, dataset)
        spec = {"dataset": dataset, "designs": list(request.designs), "model": recipe.model or "embedded", "devices": devices_of(recipe)}
        return launch(jobs_dir, KIND, spec, title=title, folder=folder)


def _write_records(folder: Path, tasks: Mapping[str, TaskFile], records: Mapping[str, Sequence[TaskRecord]], dataset: str) -> None:
    """Write the domains' tasks and all records, and beside them how many they are and their hashes."""
    for domain, of in tasks.items():
        atomic_write(folder / f"{domain}.task.yaml", [task_text(of).encode()])
    contents = {name: _json([_record_json(record) for record in of]) for name, of in records.items()}
    for name, content in contents.items():
        atomic_write(folder / f"{name}.json", [content])
    manifest = {
        "dataset": {"path": dataset},
        "rows": {name: len(of) for name, of in records.items()},
        "hashes": {name: xxhash.xxh3_128_hexdigest(content) for name, content in contents.items()},
    }
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))


def read_input(folder: Path) -> DesignInput:
    """What the job in a folder was given.

    Raises:
        InputError: When a file of it cannot be read.
    """
    try:
        asked = orjson.loads((folder / "request.json").read_bytes())
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in asked.items()}
        request = DesignRequest(**values)
        tasks = {domain: read_task(folder / f"{domain}.task.yaml").task for domain in DOMAINS if (folder / f"{domain}.task.yaml").exists()}
        hashes = (json_or_none(folder / "manifest.json") or {}).get("hashes", {})
        records = {name: _records(folder / f"{name}.json", hashes.get(name)) for name in ("train", *tasks)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{folder} cannot be read: {error}.", "It is no comparison of designs, or a file of it is gone.") from error
    return DesignInput(request, read_recipe(folder / "recipe.json"), tasks, records.pop("train"), records)


def refuse_request(
    request: DesignRequest,
    task: Task,
    train: Sequence[TaskRecord],
    test: Sequence[TaskRecord],
    *,
    ood: tuple[Task, Sequence[TaskRecord]] | None = None,
) -> None:
    """Refuse a comparison that makes no sense for its records.

    Args:
        request: What is to be compared.
        task: The task of the data.
        train: Records to train on.
        test: Records of the same domain to score on.
        ood: Another domain: its task and records.

    Raises:
        UsageError: When a design makes no sense for the task or the other domain, or a size is larger than the data.
    """
    _refuse_senseless(request, task, train, other=ood is not None)
    _refuse_domains(request, task, {"test": (task, test)} | ({"ood": ood} if ood else {}))


def _refuse_senseless(request: DesignRequest, task: Task, train: Sequence[TaskRecord], *, other: bool) -> None:
    for name in request.designs:
        design = design_named(name)
        if reason := why_not(design, task, other_domain=other):
            raise UsageError(f"The design {name} cannot be compared: {reason}", "Leave it out.")
        if design.reasoning != "none" and any(not entry.description for record in train for entry in record.entries):
            raise UsageError(f"The design {name} reasons, and not every record says why.", "Leave it out, or add descriptions.")
        if design.instruction == "none" and len(set(request.wordings)) > 1:
            raise UsageError(f"The design {name} has no instruction, so that its wordings are all the same.", "Leave it out, or name one wording.")
    if same := alike([design_named(name) for name in request.designs], task, train):
        first, second = (request.designs[place] for place in same)
        raise UsageError(f"The designs {first} and {second} write the same samples of this task.", "Leave one of them out.")
    if max(request.sizes) > len(train):
        raise UsageError(f"There are {len(train):,} records to train on, and {max(request.sizes):,} were asked for.", "Name smaller sizes.")


def _refuse_domains(request: DesignRequest, task: Task, domains: Mapping[str, tuple[Task, Sequence[TaskRecord]]]) -> None:
    for domain, (asked, records) in domains.items():
        words = "records to test on" if domain == "test" else "records of the other domain"
        if not records:
            raise UsageError(f"There are no {words}.", "No row of that file fits the task; sde design render says why.")
        if asked.kind != task.kind:
            raise UsageError(f"The {words} are of the kind {asked.kind}, and the data is of {task.kind}.", "Name a task file of the same kind.")
        if max(request.wordings) >= len(asked.instructions):
            count = count_of(len(asked.instructions), "wording")
            raise UsageError(f"The task of the {words} has {count}.", "They are counted from 0; add more to its task file.")


def _record_json(record: TaskRecord) -> dict[str, Any]:
    return {"text": record.text, "entries": [dataclasses.astuple(entry) for entry in record.entries]}


def _json(records: Sequence[dict[str, Any]]) -> bytes:
    try:
        return orjson.dumps(records)
    except TypeError:  # lone surrogates have no UTF-8 form; JSON can still escape them
        return json.dumps(records).encode()


def _records(path: Path, wanted: str | None) -> list[TaskRecord]:
    """The records of a file, which has this hash; None for a comparison of an earlier version, which kept none."""

    def entry(value: Sequence[Any]) -> Entry:
        target, said, description, details = value
        return Entry(target, said, description, tuple((role, text) for role, text in details))

    content = path.read_bytes()
    if wanted not in (None, xxhash.xxh3_128_hexdigest(content)):
        raise ValueError(f"{path.name} has changed since the comparison was launched")
    return [TaskRecord(record["text"], tuple(map(entry, record["entries"]))) for record in json.loads(content)]
