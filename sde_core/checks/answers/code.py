"""Code that does not parse in its language: Python by its own parser, JSON by orjson. Nothing is ever run.

Fenced blocks are taken at their word. An answer without fences counts as Python where its first line is Python and no line is of another language;
where the parser stops at a line of prose or of printed output, the answer is mixed and nothing is said.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from sde_core.checks.answers.rows import prompts_before
from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Fault, Finding
from sde_core.dataset.turns import ASSISTANT

_BARE_JSON = r"(?s:^[ \t\r\n]*(?:\{[ \t\r\n]*[\"'].*\}|\[[ \t\r\n]*[\[{\"'].*\])[ \t\r\n]*$)"
_FENCE_LINE = re.compile(r"^(?P<indent>[ \t>]*)```[ \t]*(?P<language>[\w+#]*)(?P<rest>[^\n]*)$", re.MULTILINE)
_PYTHON, _JSON = ("python", "py", "python3"), ("json",)
_LONGEST_CODE, _MOST_NESTED = 20_000, re.compile(r"[-+~(\[{ \t]{80,}[^\s]|(?:[-+*/.,]\s*\w+\s*){3000}|(?:\bnot\s+){50}")
_PYTHON_START = re.compile(
    r"\s*(?:#|@\w|def \w+\s*\(|class \w+|import [a-z_]|from [\w.]+ import|(?:async def|for|while|with|if|try|print)\b.*[:)]\s*(?:#.*)?$"
    r"|[a-z_]\w* = \S|\"\"\"|''')"
)
_PYTHON_LINE = re.compile(r"(?m)^[ \t]*(?:def \w+\s*\(.*\).*:|class \w+.*:[ \t]*$|import [a-z_][\w.]*(?: as \w+)?[ \t]*$|from [\w.]+ import \w)")
_OTHER_LANGUAGE = re.compile(
    r"(?m)[;{][ \t]*$|^[ \t]*(?:const|let|var|function|public|private|using|#include|package|SELECT|<[\w!/]|end[ \t]*$|fn |puts |elseif"
    r"|then[ \t]*$|#!/bin/(?:ba)?sh)"
    r"|=>|\$\w|&&|\|\||:=|^[ \t]*(?:IF|FOR|WHILE|FUNCTION|PROCEDURE|BEGIN|END|ENDIF|RETURN)\b"
)
_OTHER_NAMED = re.compile(
    r"\b(?:ruby|javascript|java|typescript|c\+\+|c#|php|perl|swift|kotlin|golang|rust|bash|shell|scala|matlab|lua|julia|groovy|dart|elixir"
    r"|node(?:\.?js)?|cython"
    r"|signature|skeleton|template|outline|pseudo-?\s?code)\b|\bR\b|syntax error|fill in|missing line",
    re.IGNORECASE,
)
"""Prompts for code in another language, or for code that is not whole."""
_OUTPUT = re.compile(
    r"(?im)^[ \t]*(?:#+|//)?[ \t]*(?:(?:sample |expected |the )?(?:output|result)s?|explanation|note|usage|example)\b[^=()\n]*:?[ \t]*$"
)
_NOT_CODE_LINE = re.compile(r"^[ \t]*(?:[!%$]\s?\w.*|>>> .*|\.\.\. .*|In \[\d*\].*|Out\[\d*\].*)$", re.MULTILINE)
_PROSE = re.compile(
    r"^[ \t]*(?:[-*•\d.]+[ \t]+)?(?:[A-Z‘“'`\"][\w'’`\"]*|[a-z]+)[ ,]+(?:[\w'’`.,()/-]+[ ,]+){2,}[\w'’`.,:;!?()\"/-]+[ \t]*$|[.:!?][\"'”]?[ \t]*$"
)
_CODE_SIGNS = re.compile(r"[=\[\]{}]|\w\(|^\s*(?:def|class|for|while|if|elif|else|try|except|finally|with|return|import|from|print|async)\b")
_ASKS_JSON = re.compile(r"(?<![.\w])json\b(?! *(?:lines?|schema|file)\b)", re.IGNORECASE)
_BARE_SCORE = 0.8
_OLD_PRINT = "Missing parentheses in call to"


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of code in a text.

    Attributes:
        code: The code, its common indentation taken off.
        at: Where it begins in the text.
        is_fenced: Whether the text marks it as code of its language.
    """

    code: str
    at: int
    is_fenced: bool


@dataclass(frozen=True, slots=True)
class SyntaxFault:
    """Where and why code does not parse.

    Attributes:
        line: Number of the line, from 1.
        text: The line.
        reason: The parser's words.
    """

    line: int
    text: str
    reason: str


def python_blocks(text: str) -> Iterator[Block]:
    """The Python code of a text: blocks that say so, or all of it where it is nothing else."""
    if "```" in text:
        yield from _fenced(text, _PYTHON)
        yield from (Block(block.code, block.at, False) for block in _fenced(text, ("",)) if _is_python(block.code))
    elif _is_python(text):
        output = _OUTPUT.search(text)
        yield Block(text[: output.start()] if output and output.start() else text, 0, False)


def _is_python(text: str) -> bool:
    first_line = text.lstrip("\n").split("\n", 1)[0]
    return bool(_PYTHON_START.match(first_line) and _PYTHON_LINE.search(text)) and not _OTHER_LANGUAGE.search(text)


def _fenced(text: str, languages: Sequence[str]) -> Iterator[Block]:
    for language, start, end in fenced_spans(text):
        if language.lower() in languages:
            yield Block(textwrap.dedent(text[start:end]), start, True)


def fenced_spans(text: str) -> Iterator[tuple[str, int, int]]:
    """Language, begin and end of what stands between fences; in one pass, also where a loop opens thousands and closes none."""
    fences = list(_FENCE_LINE.finditer(text))
    never_closed: set[str] = set()
    number = 0
    while number < len(fences):
        opening, indent = fences[number], fences[number]["indent"]
        following = () if indent in never_closed else range(number + 1, len(fences))
        closing = next((other for other in following if _closes(fences[other], indent)), None)
        if closing is None:
            never_closed.add(indent)
            number += 1
            continue
        yield opening["language"], opening.end() + 1, fences[closing].start()
        number = closing + 1


def _closes(fence: re.Match[str], indent: str) -> bool:
    is_bare = not fence["language"] and not fence["rest"]
    return is_bare and fence["indent"].startswith(indent) and ">" not in fence["indent"][len(indent) :]


def python_fault(code: str) -> SyntaxFault | None:
    """Why Python code does not parse, None where it does, or where it is too long or too deep to try.

    Interactive prompts, shell lines and magics are left out; blocks that hold only a comment are an outline and no fault.
    """
    code = _NOT_CODE_LINE.sub("", code)
    if len(code) > _LONGEST_CODE or _MOST_NESTED.search(code) or code.lstrip().startswith("<"):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except SyntaxError as error:
        return _fault(code, error)
    except (ValueError, RecursionError, MemoryError):
        return None
    return None


def _fault(code: str, error: SyntaxError) -> SyntaxFault | None:
    lines = code.split("\n")
    number = min(max(error.lineno or 1, 1), len(lines))
    if error.msg.startswith("expected an indented block") and _is_outline(lines, error):
        return None
    return SyntaxFault(number, lines[number - 1].strip(), error.msg)


def _is_outline(lines: Sequence[str], error: SyntaxError) -> bool:
    """Whether the block that is missing was left out on purpose: a comment or nothing stands for it."""
    said = re.search(r"on line (\d+)", error.msg)
    after = [line.strip() for line in lines[int(said[1]) :]] if said else []
    following = [line for line in after if line]
    return not following or following[0].startswith(("#", "..."))


def json_fault(code: str) -> SyntaxFault | None:
    """Why JSON does not parse, None where it does, line by line or as a whole, or where it is an outline with comments and dots."""
    text = code.strip()
    if not text.startswith(("{", "[")) or re.search(r"\.\.\.|…|^\s*//|/\*|\{\{|<\w+>|[,\]}\"\d]\s*//|#", text, re.MULTILINE):
        return None
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if _are_json_lines(text):
            return None
        lines = text.split("\n")
        return SyntaxFault(error.lineno, lines[min(error.lineno, len(lines)) - 1].strip(), error.msg.partition(":")[0])
    return None


def _are_json_lines(text: str) -> bool:
    try:
        for line in filter(str.strip, text.split("\n")):
            orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


class BrokenPython:
    """Python code with an error of syntax."""

    name = "broken-code"
    title = "Code that does not parse"
    advice = "The model learns to write it so: correct it or reject the row."
    explained_by = ("truncated-answer", "unclosed-fence", "merged-tasks", "mojibake")
    trigger = r"```[ \t]*[Pp]y|(?m)^[ \t]*(?:def [A-Za-z_]|class [A-Za-z_]|import [a-z_]|from [A-Za-z_.]+ import)"

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault an answer."""
        if role != ASSISTANT:
            return
        for block in python_blocks(text):
            fault = python_fault(block.code)
            if fault and (block.is_fenced or _is_code(fault.text)):
                yield _as_fault(text, block, fault)
                return

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """Prompts for another language, or for code that is to be completed, leave it open what the code is."""
        return [finding for finding in findings if finding.score == 1.0 or not _OTHER_NAMED.search("\n".join(prompts_before(context, finding)))]


class BrokenJson:
    """JSON that does not parse: in blocks that say so, or as the whole answer where JSON was asked for."""

    name = "broken-json"
    title = "JSON that does not parse"
    advice = "Whoever reads it fails: correct it or reject the row."
    explained_by = ("truncated-answer", "unclosed-fence", "merged-tasks", "mojibake")
    trigger = rf"```[ \t]*(?:json|JSON)|{_BARE_JSON}"

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault an answer; JSON without an end is an answer that was cut off."""
        if role != ASSISTANT or ("```" not in text and not re.search(_BARE_JSON, text)):
            return
        blocks = _fenced(text, _JSON) if "```" in text else (Block(text, 0, False),)
        for block in blocks:
            fault = json_fault(block.code)
            if fault:
                said = f"The JSON does not parse in line {fault.line}: {fault.reason}."
                yield Fault("warning", said, excerpt(fault.text) or excerpt(text, block.at), 0.9 if block.is_fenced else _BARE_SCORE)
                return

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """An answer without a block is meant to be JSON where the prompt says so."""
        return [finding for finding in findings if finding.score != _BARE_SCORE or _ASKS_JSON.search("\n".join(prompts_before(context, finding)))]


def _is_code(line: str) -> bool:
    """Whether a line at which the parser stops is code, not prose or printed output."""
    return bool(_CODE_SIGNS.search(line)) and not (_PROSE.search(line) and not re.search(r"[=(\[].*[)\]:]\s*(?:(?:#|//).*)?$|=", line))


def _as_fault(text: str, block: Block, fault: SyntaxFault) -> Fault:
    if fault.reason.startswith(_OLD_PRINT):
        return Fault("info", f"The code is Python 2: line {fault.line} prints without brackets.", excerpt(fault.text), 0.7)
    said = f"The Python code does not parse in line {fault.line}: {fault.reason}."
    return Fault("warning", said, excerpt(fault.text) or excerpt(text, block.at), 1.0 if block.is_fenced else 0.9)
