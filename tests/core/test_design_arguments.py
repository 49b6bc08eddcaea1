"""Arguments of events: their roles in task files, guesses and instructions, and how well answers agree on them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sde_core.design.inference import infer_task
from sde_core.design.metrics import argument_scores
from sde_core.design.options import Design
from sde_core.design.parse import parse_answer
from sde_core.design.sample import form_words, render_sample
from sde_core.design.task import Entry, TaskError, TaskRecord
from sde_core.design.task_file import task_in, task_text
from sde_core.evaluate.design_results import record_scores
from sde_core.yaml_nodes import ReadingError
from tests.core.test_design_answer import ASPECTS, EVENTS

ROLES = replace(EVENTS, roles=("agent", "goal"))
FLEW = Entry("Motion", "flew", details=(("agent", "the plane"), ("goal", "Rome")))
FILE = """\
kind: spans
text: text
said: events
targets: [Attack, Motion]
instructions: [Find the events.]
roles: [agent, goal]
"""


def test_an_argument_counts_by_type_role_and_text_whatever_its_trigger():
    said = Entry("Motion", "left", details=(("agent", "the plane"), ("goal", "Roma")))
    strict, soft = (argument_scores([[FLEW]], [[said]], soft=soft) for soft in (False, True))
    assert (strict.matched, strict.found, strict.gold) == (1, 2, 2)
    assert (strict.f1, soft.f1) == (0.5, 1.0)
    other_role = Entry("Motion", "flew", details=(("goal", "the plane"),))
    other_type = Entry("Attack", "flew", details=(("agent", "the plane"),))
    assert argument_scores([[FLEW]], [[other_role, other_type]]).matched == 0


def test_scores_of_a_set_hold_arguments_only_where_there_are_any():
    answer = parse_answer("Attack: NONE\nMotion: flew [agent: the plane]", ROLES, Design(output="lines"))
    scores = record_scores([[FLEW]], [answer], ROLES)["scores"]
    assert scores["f1"] == 1.0
    assert scores["arguments_f1"] == scores["arguments_soft_f1"] == pytest.approx(2 / 3)
    assert "arguments_f1" not in record_scores([[Entry("Motion", "flew")]], [answer], ROLES)["scores"]


@pytest.mark.parametrize(
    ("output", "form"),
    [
        ("natural", "stand behind it, [role: …, role: …]."),
        ("lines", "stand behind it, [role: …, role: …]."),
        ("json", 'write {"trigger word": "…", "arguments": [["role", "…"], …]}.'),
        ("pairs", 'a third part, [["role", "…"], …].'),
    ],
)
def test_the_instruction_says_how_arguments_are_written(output, form):
    words = form_words(ROLES, Design(output=output))
    assert f"{form} Roles: agent, goal." in words
    assert "Roles" not in form_words(EVENTS, Design(output=output))


def test_a_record_with_another_role_does_not_fit():
    odd = TaskRecord("…", (Entry("Motion", "flew", details=(("pilot", "a woman"),)),))
    assert EVENTS.misfits(odd) == []
    assert len(ROLES.misfits(odd)) == 1
    assert "pilot" in ROLES.misfits(odd)[0]
    assert render_sample(TaskRecord("…", (FLEW,)), ROLES, Design(placeholder=False)).answer == "Motion: flew [agent: the plane, goal: Rome]"


def test_a_task_file_names_roles_and_comes_back_the_same():
    file = task_in(FILE.encode())
    assert file.task.roles == ("agent", "goal")
    assert task_in(task_text(file).encode()) == file


def test_only_spans_have_roles():
    with pytest.raises(TaskError, match="Only spans"):
        replace(ASPECTS, roles=("agent",))
    with pytest.raises(ReadingError) as caught:
        task_in(FILE.replace("kind: spans", "kind: attributes\nvalues: [good, bad]").encode())
    assert caught.value.line == 7


def test_roles_are_guessed_from_rows():
    def row(number):
        arguments = [{"role": "agent", "text": f"plane {number}"}, {"role": "goal", "text": f"town {number}"}]
        return {"text": f"A plane flew to town {number}.", "events": [{"type": "Motion", "trigger": "flew to", "arguments": arguments}]}

    assert infer_task([row(number) for number in range(30)], name="flights").task.roles == ("agent", "goal")
