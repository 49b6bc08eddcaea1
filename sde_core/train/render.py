"""From turns to the text that a model reads, and where in it the answers stand.

With a chat template the text is the template's, to the character; the answers are found by rendering the same conversation once more with a
placeholder for every message. Without one it is the plain form: every turn is "Role:", a line break and the text, turns are separated by a blank
line, and every answer ends with the tokenizer's end token. Plain text (the role "text") is left as it is and ends with the end token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sde_core.dataset.json_text import encodable
from sde_core.dataset.turns import ASSISTANT, TEXT, Turn
from sde_core.train.chat_template import ChatTemplate, TemplateError
from sde_core.train.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Answer:
    """Where an answer stands in the rendered text: its words are [start, end), the end token after them [end, stop).

    Before its words may be `lead` characters of space that the template writes after what it ends a prompt with: the model is to write them itself.
    """

    start: int
    end: int
    stop: int
    lead: int = 0


@dataclass(frozen=True, slots=True)
class Rendered:
    """A conversation as text.

    Attributes:
        text: What is tokenised.
        answers: The assistant turns, or the whole of a plain text, in order.
        plain: Whether no chat template made it, so that the tokenizer's own prefix (BOS) belongs before it.
    """

    text: str
    answers: tuple[Answer, ...]
    plain: bool


class Renderer:
    """Renders conversations for one tokenizer.

    Args:
        tokenizer: Whose template and end token are used.
        template: "auto" for its chat template where it has one, "plain" for the plain form.
    """

    def __init__(self, tokenizer: Tokenizer, template: str = "auto") -> None:
        self._eos = tokenizer.eos_token
        self._template = None if template == "plain" else tokenizer.chat_template
        self._pieces: dict[tuple[str, ...], list[str] | None] = {}
        self._leads: dict[tuple[str, ...], int] = {}

    @property
    def form(self) -> str:
        """What is used, in words."""
        return "chat template" if self._template else "plain form"

    def render(self, turns: Sequence[Turn]) -> Rendered:
        """The conversation as text.

        Raises:
            TemplateError: When the chat template refuses it, or changes an answer beyond recognition.
        """
        messages = [(turn.role, self._without_end(turn)) for turn in turns]
        if not self._template or any(role == TEXT for role, _ in messages):
            return self._plain(messages)
        return self._chat(self._template, messages)

    def _without_end(self, turn: Turn) -> str:
        """The turn's text; an answer that already ends with the end token would otherwise end twice."""
        text = encodable(turn.text)
        while self._eos and turn.role in (ASSISTANT, TEXT) and text.rstrip().endswith(self._eos):
            text = text.rstrip()[: -len(self._eos)]
        return text

    def _plain(self, messages: Sequence[tuple[str, str]]) -> Rendered:
        text, answers = "", []
        for position, (role, content) in enumerate(messages):
            text += ("\n\n" if position else "") + ("" if role == TEXT else f"{role.capitalize()}:\n")
            start = len(text)
            text += content
            if role in (ASSISTANT, TEXT):
                text += self._eos
                answers.append(Answer(start, len(text) - len(self._eos), len(text)))
        return Rendered(text, tuple(answers), plain=True)

    def _chat(self, template: ChatTemplate, messages: Sequence[tuple[str, str]]) -> Rendered:
        text = template.render(_as_messages(messages))
        answers = self._answers_by_pieces(template, text, messages) or self._answers_by_heads(template, text, messages)
        if answers and messages[-1][0] == ASSISTANT and answers[-1].stop == answers[-1].end:
            text = text[: answers[-1].end] + self._eos
            answers[-1] = replace(answers[-1], stop=len(text))
        return Rendered(text, tuple(answers), plain=False)

    def _answers_by_pieces(self, template: ChatTemplate, text: str, messages: Sequence[tuple[str, str]]) -> list[Answer]:
        """The answers, by laying the template's fixed pieces and the contents over the text; none where they do not fit it."""
        pieces = self._pieces_of(template, tuple(role for role, _ in messages))
        if pieces is None or not text.startswith(pieces[0]):
            return []
        answers, position = [], len(pieces[0])
        for i, (role, content) in enumerate(messages):
            shown = _shown(content, pieces[i + 1], text, position)
            if shown is None:
                return []
            end = position + len(shown)
            if role == ASSISTANT:
                lead = self._lead(template, tuple(role for role, _ in messages[:i]), pieces[i])
                answers.append(Answer(position, end, self._stop(template, text, end, messages[: i + 1]), lead))
            position = end + len(pieces[i + 1])
        return answers if position == len(text) else []

    def _answers_by_heads(self, template: ChatTemplate, text: str, messages: Sequence[tuple[str, str]]) -> list[Answer]:
        """The answers in a template that changes contents: each begins where the conversation before it, ready for an answer, ends."""
        answers: list[Answer] = []
        for i, (role, _) in enumerate(messages):
            if role != ASSISTANT:
                continue
            head = template.render(_as_messages(messages[:i]), generation_prompt=True)
            marker = self._end_marker(template, messages[: i + 1])
            end = text.find(marker, len(head)) if marker else len(text) if i == len(messages) - 1 else -1
            if not text.startswith(head) or end < 0:
                raise TemplateError(
                    f"The chat template rewrites turn {i + 1}, so the tokens of the answer cannot be told from the rest.",
                    "Use the plain form with --set template=plain.",
                )
            answers.append(Answer(len(head), end, end + len(marker)))
        return answers

    def _lead(self, template: ChatTemplate, before: tuple[str, ...], piece: str) -> int:
        """How much of the piece before an answer is space that a prompt of these roles does not end with."""
        key = (*before, piece)
        if key not in self._leads:
            asked = _pieces(template, before, generation_prompt=True) if before else None
            rest = piece[len(asked[-1]) :] if asked and piece.startswith(asked[-1]) else ""
            self._leads[key] = len(rest) if rest.isspace() else 0
        return self._leads[key]

    def _stop(self, template: ChatTemplate, text: str, end: int, until: Sequence[tuple[str, str]]) -> int:
        marker = self._end_marker(template, until)
        return end + len(marker) if text.startswith(marker, end) else end

    def _end_marker(self, template: ChatTemplate, until: Sequence[tuple[str, str]]) -> str:
        """What closes an answer when nothing follows it, such as "<|im_end|>"; empty where the template closes it with nothing."""
        pieces = self._pieces_of(template, tuple(role for role, _ in until))
        return pieces[-1].rstrip() if pieces else ""

    def _pieces_of(self, template: ChatTemplate, roles: tuple[str, ...]) -> list[str] | None:
        """The fixed text before, between and after the contents of a conversation with these roles; None where that depends on the contents."""
        if roles not in self._pieces:
            self._pieces[roles] = _pieces(template, roles)
        return self._pieces[roles]


def _pieces(template: ChatTemplate, roles: tuple[str, ...], *, generation_prompt: bool = False) -> list[str] | None:
    placeholders = [f"\ue000{i}\ue001" for i in range(len(roles))]
    try:
        rest = template.render(_as_messages(list(zip(roles, placeholders, strict=True))), generation_prompt=generation_prompt)
    except TemplateError:
        return None
    pieces = []
    for placeholder in placeholders:
        piece, found, rest = rest.partition(placeholder)
        if not found:
            return None
        pieces.append(piece)
    return None if "\ue000" in rest else [*pieces, rest]


def _shown(content: str, piece: str, text: str, position: int) -> str | None:
    """The content as the template shows it at this position, whole or trimmed, followed by its next fixed piece; None where it is not there."""
    forms = (content, content.strip(), content.lstrip(), content.rstrip())
    return next((form for form in forms if text.startswith(form + piece, position)), None)


def _as_messages(messages: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in messages]
