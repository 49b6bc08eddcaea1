"""Answers that go on with a task of their own: another instruction, another speaker, another question and its answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sde_core.checks.answers.rows import prompts_before
from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Fault, Finding
from sde_core.dataset.turns import ASSISTANT

_START = r"^[ \t]*(?:#{1,4}[ \t]*)?(?:\*\*)?"
_NUMBERED = r"(?:\d{1,3}[.)][ \t]*)?"
_INSTRUCTION = re.compile(rf"{_START}{_NUMBERED}(?:Instruction|指令)(?:[ \t]*\d+)?(?:\*\*)?[ \t]*[:：]", re.MULTILINE)
_SPEAKER = re.compile(rf"{_START}(?:Human|User|USER|用户)(?:\*\*)?[ \t]*[:：]", re.MULTILINE)
_REPLY = re.compile(rf"{_START}(?:Assistant|ASSISTANT|AI|Bot|GPT|助手)(?:\*\*)?[ \t]*[:：]", re.MULTILINE)
_QUESTION = re.compile(rf"{_START}{_NUMBERED}(?:Question|Q|Problem|问题)(?:[ \t]*\d+)?(?:\*\*)?[ \t]*[:：][ \t]*\S", re.MULTILINE)
_ANSWER = re.compile(rf"{_START}{_NUMBERED}(?:Answer|A|Solution|答案|回答)(?:[ \t]*\d+)?(?:\*\*)?[ \t]*[:：]", re.MULTILINE)
_INPUT = re.compile(rf"{_START}{_NUMBERED}Input(?:\*\*)?[ \t]*:[ \t]*\S", re.MULTILINE)
_OUTPUT = re.compile(rf"{_START}{_NUMBERED}Output(?:\*\*)?[ \t]*:", re.MULTILINE)
_INLINE = re.compile(r"(?<=[.!?]) +Instruction: ?(?=[A-Z][^\n]{5,200}?[.?!] (?:Input|Output|Response|Answer):)")
_IN_CODE = re.compile(r"[={};]|\b(?:def|function|algorithm|program|code|input|output)\b", re.IGNORECASE)
_TAGGED = re.compile(r"^[ \t]*###[ \t]*(?:Input|Response|Human|User|Assistant)[ \t]*:[ \t]*$", re.MULTILINE)
_ASKED_FOR = re.compile(
    r"\b(?:dialog(?:ue)?s?|conversations?|chat(?:bot)?s?|scripts?|scenes?|interviews?|role-?play\w*|transcripts?|skit|assistant|questions?"
    r"|quiz(?:zes)?|q ?& ?a|faqs?|exams?"
    r"|tests?|riddles?|jokes?|puzzles?|trivia|prompts?|instructions?|examples?|exercises?|problems?|tasks?|few-shot|format|human|worksheet"
    r"|flash ?cards?|answers?)\b"
    r"|对话|问题|问答|脚本|指令|例子|题",
    re.IGNORECASE,
)
"""Words of prompts that want another task or another speaker in the answer."""
_FEWEST_CHARACTERS = 2


class MergedTasks:
    """Answers into which a second task was merged, with or without its own answer."""

    name = "merged-tasks"
    title = "Several tasks merged into one answer"
    advice = "The model learns to go on talking: cut the answer where the next task begins."
    trigger = (
        r"\n[ \t]*(?:#{1,4}[ \t]*)?(?:\*\*)?(?:\d{1,3}[.)][ \t]*)?(?:Instruction|指令|Input|Human|User|USER|用户|Question|Q|Problem"
        r"|问题)(?:[ \t]*\d+)?(?:\*\*)?[ \t]*[:：]"
        r"|[.!?] +Instruction: ?[A-Z]|\n[ \t]*###[ \t]*(?:Input|Response|Human|User|Assistant)[ \t]*:"
    )

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault an answer."""
        if role != ASSISTANT:
            return
        match, score = _second_task(text)
        if match:
            said = " ".join(match.group().split())
            yield Fault("warning", f"After its answer comes a task of its own: {said!r}.", excerpt(text, match.start() + 1), score)

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """Where the prompt asks for dialogues, questions or examples, or is written in the same form, they belong to the answer."""
        return [finding for finding in findings if not self._is_asked_for(finding, "\n".join(prompts_before(context, finding)))]

    @staticmethod
    def _is_asked_for(finding: Finding, prompt: str) -> bool:
        if finding.score == 1.0:
            return bool(_INSTRUCTION.search(prompt))
        return bool(
            _ASKED_FOR.search(prompt) or _INPUT.search(prompt) or _QUESTION.search(prompt) or _SPEAKER.search(prompt) or _TAGGED.search(prompt)
        )


def _second_task(text: str) -> tuple[re.Match[str] | None, float]:
    """Where a second task begins, and how sure that is; a text that begins with such a mark is written in that form throughout."""
    for pattern, follower, score in (
        (_INSTRUCTION, None, 1.0),
        (_INLINE, None, 1.0),
        (_INPUT, _OUTPUT, 0.8),
        (_TAGGED, None, 0.9),
        (_SPEAKER, _REPLY, 0.8),
        (_QUESTION, _ANSWER, 0.7),
    ):
        match = pattern.search(text)
        if match is None or len(text[: match.start()].strip()) < _FEWEST_CHARACTERS or "```" in text[: match.start()]:
            continue
        if pattern is _INPUT and _IN_CODE.search(text[: match.start()]):
            continue
        if follower is None or (follower.search(text, match.end()) and not follower.search(text, 0, match.start())):
            return match, score
    return None, 0.0
