"""Answers that stop in the middle: of a sentence, of code, of JSON. What counts as an end is the habit of the dataset."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import orjson
import polars as pl

from sde_core.checks.answers.rows import answer_field, wanted_answers
from sde_core.checks.fields import ending
from sde_core.checks.findings import CheckContext, Finding
from sde_core.checks.fixes import open_fence
from sde_core.progress import raise_if_cancelled

_COMMON_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a about after again all also always am an and any are as at away back be been before best but by can car cat come could day did do dog
        done down each end even ever far few for from full get give go good had has have he her here him his home how i if in into is it its job just
        know last less life like line list long look lot love made main man many me men mind more most much must my name near need new next no none
        not now of off old on once one only or other our out over own part past people per place plan play real red right run said same sea see set
        she side so some son sun take than that the their them then there they this time to today together too top two under up us use used very was
        water way we well were what when where which who why will wind with work world year yes you your""",
    )
)
"""Words that a small dataset may not hold and that are whole all the same."""
_NEVER_ALONE = frozenset(("the", "an", "and", "or", "nor", "because", "unless", "whereas", "whose", "which"))
_NO_END = _NEVER_ALONE | {
    "a", "but", "although", "their", "its", "our", "your", "of", "to", "into", "from", "that", "is", "are", "was", "were", "have", "such", "as",
    "including", "between", "und", "oder", "eine", "zum", "zur", "le", "les", "du", "une", "los", "una",
}  # fmt: skip
"""Words that no sentence ends with; prepositions that English strands ("to look for", "logged in") are not among them."""
_OPEN_END = tuple(",([{–—&")
_LETTER_END = 6
"""Longest closing line of a letter in words, such as "Looking forward to seeing you,"."""
_SENTENCE_END = re.compile(r"[.!?。！？…][\"'”’)\]]?\s")
_LIST_ITEM = re.compile(r"\s*(?:[-*•+]|\(?\d{1,3}[.):-]|\(?[a-zA-Z][.)]|\(?[IVXivx]{1,5}[.)]|#{1,6}|\|)\s")
_NOT_PROSE = re.compile(r"#\w|://|[\"”]\s*[-–—~]|@\w|[|/\\=<>$_{}]|\s--?\w|\w:\s|\d[A-Z]\d")
_CODE_LINE = re.compile(
    r"(?m)[;{}]\s*$|^\s{2,}\S|^(?:def|import|class|from|for|while|if|public|private|func|function|const|let|var|return|SELECT|#include|<[a-zA-Z!/])\b"
)
_UNFINISHED_CODE = re.compile(
    r"(?:[=+*,(\[{<&|:]|\b(?:and|or|not|in|is|as|def|class|for|while|if|elif|else|import|from|with|lambda|const|let|var|function|new|SELECT|FROM|WHERE|BY|AND|OR))$"
)
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_FEWEST_WORDS, _FEWEST_TAILS = 8, 50
_STRICT, _USUAL = 0.99, 0.95
_VOCABULARY_ROWS = 20_000
_LONGEST_FRAGMENT, _SHORT_WORD, _CAPITALISED_SEEN, _MUCH_RARER = 12, 3, 5, 50
_LONGER_TAIL = r"[.!?。！？]\s+\S[^\n]{20,}$|。[^\n。]{8,}"
_PROSE_TAIL = r"\S+ \S+ \S+ \S+ [^\n]*\S$|。[^\n。]{8,}$"
_STOPPED = r"^[\p{L},–—&(\[{=+]$"
_TAIL = 400
"""So many characters at an answer's end show how it ends."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where an answer stops.

    Attributes:
        where: In words that follow "The answer stops".
        score: How sure that is, 0-1.
        needs: What else must be so for it to be a fault: "habit" (answers of the dataset end properly), "fragment" (the last word is the
            beginning of a word), or nothing.
    """

    where: str
    score: float
    needs: Literal["", "habit", "fragment"] = ""


class TruncatedAnswers:
    """Answers cut off before their end."""

    name = "truncated-answer"
    title = "Answers that are cut off"
    advice = "The model learns to stop there: complete or reject them."
    explained_by = ("empty-answer", "repetition-loop")

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a record."""
        answers = wanted_answers(context).with_columns(pl.col("answer").str.strip_chars_end())
        answers = answers.with_columns(tail=pl.col("answer").str.tail(_TAIL))
        cuts = list(self._cuts(context, answers.filter(_may_have_stopped())))
        if not cuts:
            return []
        share = _share_ending(answers, _LONGER_TAIL, sum(cut.needs == "habit" for _, _, cut in cuts))
        kept = [(row, answer, cut) for row, answer, cut in cuts if cut.needs != "habit" or share >= _STRICT]
        usual = _share_ending(answers, _PROSE_TAIL, sum(cut.needs != "" for _, _, cut in cuts)) >= _USUAL
        fragments = self._fragments(answers, kept) if usual else set()
        return [self._finding(context, row, answer, cut, share) for row, answer, cut in kept if cut.needs != "fragment" or row in fragments]

    @staticmethod
    def _cuts(context: CheckContext, stopped: pl.DataFrame) -> Iterator[tuple[int, str, Cut]]:
        for number, (row, prompt, answer) in enumerate(stopped.select("row", "prompt", "answer").iter_rows()):
            if number % 1024 == 0:
                raise_if_cancelled(context.cancel)
            cut = cut_of(answer, prompt)
            if cut:
                yield row, answer, cut

    @staticmethod
    def _fragments(answers: pl.DataFrame, cuts: Sequence[tuple[int, str, Cut]]) -> set[int]:
        """The rows whose last word nobody writes and other words begin with."""
        if all(cut.needs != "fragment" for _, _, cut in cuts):
            return set()
        words = known_words(answers.head(_VOCABULARY_ROWS)["answer"])
        return {row for row, answer, cut in cuts if cut.needs == "fragment" and is_fragment(_last_word(answer), words)}

    def _finding(self, context: CheckContext, row: int, answer: str, cut: Cut, share: float) -> Finding:
        habit = f"; {share:.1%} of the answers end properly" if cut.needs == "habit" else ""
        return Finding(self.name, "warning", (row,), f"The answer stops {cut.where}{habit}.", ending(answer, 100),
                       answer_field(context.dataset, row), cut.score)  # fmt: skip


def _may_have_stopped() -> pl.Expr:
    answer = pl.col("answer")
    begins_as_json = answer.str.starts_with("{") | answer.str.starts_with("[")
    return begins_as_json | answer.str.contains("```", literal=True) | pl.col("tail").str.tail(1).str.contains(_STOPPED)


def _share_ending(answers: pl.DataFrame, tail: str, stopped: int) -> float:
    """The share of the other prose answers that end properly; 0 where they are too few to speak of a habit."""
    prose = answers.filter(pl.col("tail").str.contains(tail)).height
    return 1 - max(stopped - 1, 0) / prose if prose >= _FEWEST_TAILS else 0.0


def known_words(texts: pl.Series) -> dict[str, int]:
    """How often each word is written; the last word of each text is not counted."""
    bodies = texts.str.replace(r"[\w'’]+\W*$", "")
    counted = bodies.str.extract_all(r"[\p{L}'’]+").explode().drop_nulls().value_counts(name="count")
    return dict(zip(counted.to_series(0).to_list(), counted["count"].to_list(), strict=True))


def is_fragment(word: str, words: Mapping[str, int]) -> bool:
    """Whether a word is (almost) never written, and is how at least one usual word begins."""
    if not word or len(word) > _LONGEST_FRAGMENT or word.lower() in _COMMON_WORDS or (len(word) > _SHORT_WORD and word.lower() in words):
        return False
    enough = max(2 if word[0].islower() else _CAPITALISED_SEEN, words.get(word, 0) * _MUCH_RARER)
    return any(count >= enough and len(known) > len(word) and known.startswith(word) for known, count in words.items())


def _last_word(answer: str) -> str:
    return re.split(r"[\s(\"'“‘/-]", answer)[-1]


def cut_of(answer: str, prompt: str = "") -> Cut | None:
    """Where an answer that ends without a full stop was cut off, None where it may well be whole.

    Args:
        answer: Without white space at its end.
        prompt: What it answers; an answer that copies a passage of it may end as the passage does.
    """
    if answer[:1] in "{[":
        return Cut("inside JSON", 1.0) if _is_open_json(answer) else None
    mark = open_fence(answer)
    if mark:
        cut = not answer.endswith(tuple(".!?。！？")) and _is_unfinished(answer[answer.rindex(mark) + len(mark) :])
        return Cut("inside a code block", 0.9) if cut else None
    if answer.endswith(("```", "`")) or _is_code(answer):
        return Cut("in the middle of code", 0.8) if _is_code(answer) and _UNFINISHED_CODE.search(answer) and _depth(answer) > 0 else None
    return _cut_in_prose(answer, prompt)


def _cut_in_prose(answer: str, prompt: str) -> Cut | None:
    last_line = answer.rsplit("\n", 1)[-1]
    words = last_line.split()
    length = len(words) + len(_CJK.findall(last_line)) // 2
    if last_line[-60:] in prompt or length < (3 if len(answer) > len(last_line) + 80 else _FEWEST_WORDS // 2):
        return None
    if answer.endswith(_OPEN_END):
        closing = answer.endswith(",") and len(words) <= _LETTER_END and (len(words) <= _LETTER_END - 2 or "\n" in answer)
        return None if closing else Cut("in the middle of a sentence", 0.9)
    last_word = _last_word(last_line)
    if last_word in _NO_END and (last_word in _NEVER_ALONE or length >= _FEWEST_WORDS):
        return Cut(f"after {last_word!r}", 0.9)
    if not last_word[-1:].isalpha() or _LIST_ITEM.match(last_line):
        return None
    ends = [match.end() for match in _SENTENCE_END.finditer(last_line)]
    sentence = last_line[ends[-1] :] if ends else last_line
    if _NOT_PROSE.search(sentence) or sentence[:1] in "-–—~" or (len(sentence.split()) > 2 and _is_title(sentence)):
        return None
    if ends and length >= _FEWEST_WORDS and len(sentence.split()) > 1:
        return Cut("in the middle of a sentence", 0.7, "habit")
    return Cut(f"in the middle of a word, {last_word!r}", 0.8, "fragment")


def _is_title(text: str) -> bool:
    words = [word for word in text.split() if word[0].isalpha()]
    return sum(word[0].isupper() for word in words) > 0.6 * len(words)


def _is_open_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return '"' in text and _depth(text) > 0
    return False


def _is_unfinished(code: str) -> bool:
    """Whether code that follows an open fence, its language included, stops in the middle."""
    code = code.rstrip()
    last_line = code.rsplit("\n", 1)[-1]
    open_string = any(last_line.replace(f"\\{quote}", "").count(quote) % 2 for quote in "\"'")
    open_query = code.startswith("sql") and not code.endswith(";")
    words = re.findall(r"\w+", code)
    half_word = bool(words) and code.endswith(words[-1]) and words[-1] not in words[:-1] and any(word.startswith(words[-1]) for word in words[:-1])
    return open_string or open_query or half_word or _depth(code) > 0 or bool(_UNFINISHED_CODE.search(code))


def _is_code(text: str) -> bool:
    lines = text.count("\n") + 1
    return sum(1 for _ in _CODE_LINE.finditer(text)) >= max(1, lines // 3) and (lines > 1 or bool(re.search(r"[;{}()=]", text)))


def _depth(text: str) -> int:
    """Brackets opened and not closed, those in strings left out as far as quotes are balanced on a line."""
    without_strings = re.sub(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'', "", text)
    return sum(without_strings.count(opened) - without_strings.count(closed) for opened, closed in ("()", "[]", "{}"))
