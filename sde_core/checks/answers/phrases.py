"""Answers that refuse, talk about being a model, or promise what an assistant cannot do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import polars as pl

from sde_core.checks.answers.rows import answer_field, turn_before, wanted_answers
from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Fault, Finding
from sde_core.dataset.turns import ASSISTANT
from sde_core.features.answer_kind import answer_kinds

_BOILERPLATE = re.compile(
    r"\bas an? (?:(?:large |helpful |artificial |conversational )*(?:ai|language model|chatbot|llm)|artificial intelligence)"
    r"(?=[ -](?:language|text|assistant|model|chatbot|program|bot|based|i\b|my\b)|[,.;:]|$)(?:[ -](?:language model|assistant|model|chatbot|bot)\b)*"
    r"|\b(?:i am|i['’]m) (?:just |only |merely )?an? (?:(?:large )?(?:ai|language model)|artificial intelligence)"
    r"(?: (?:language )?(?:model|assistant|chatbot))?\b(?=[^.]{0,60}\b(?:and|so|which|but|without|,))"
    r"|\b(?:my|the) knowledge cut-?off\b|\bmy (?:last|latest) (?:knowledge )?(?:update|training)\b|\bmy training data\b"
    r"|\bi (?:do(?:n['’]?t| not)) have (?:personal|human|real[- ]time|the ability to (?:feel|experience|access|browse)"
    r"|(?:direct )?access to (?:real|current|live|the internet|external))\b"
    r"|作为一个(?:人工智能|AI|语言模型|大语言模型)",
    re.IGNORECASE,
)
_ABOUT_THE_MODEL = re.compile(
    r"\b(?:who|what) (?:are|r) (?:you|u)\b|\bwho you are\b|\byour (?:name|purpose|creator|developer|opinion|gender|age|birthday)\b"
    r"|\byour (?:feelings|thoughts)\b|\byourself\b"
    r"|\babout you\b|\bare you (?:an? |really|human|real\b|alive|conscious|sentient|chat|gpt|able|better|smart"
    r"|sponsored|paid|biased|trained|built|running)"
    r"|\bdo you (?:have|feel|think|know who|like|love|want|dream|sleep|eat|remember)\b|\bcall you\b"
    r"|\bwho (?:made|created|trained|built|developed|designed|programmed)\b|\bcan you (?:introduce|tell me (?:who|what) you)"
    r"|\bwhat(?:'s| is) it like\b"
    r"|(?:language|ai) model|\bchatbot|\bchatgpt|\bassistant\b|你是|你叫|你的名字|自我介绍|介绍一下你",
    re.IGNORECASE,
)
_I_SHALL = (
    r"\b(?:i['’]ll|i will|i have|i['’]ve|i am going to|i['’]m going to|let me|we will|we['’]ll)"
    r" (?:now |also |just |already |then |go ahead and |immediately |personally )*"
)
_ARRANGE = (
    r"(?:schedul|book|reserv|order|purchas|ship|cancell?|refund|transferr?|deposit|pa(?:id|y)|arrang)(?:e|ed|ing|y)?\b"
    r"(?: (?:this|that|it|the|an?|your|you|my|our|for))"
)
_SEND = (
    r"(?:send|sent|e-?mail(?:ed)?|mail(?:ed)?|text(?:ed)?|forward(?:ed)?)"
    r" (?:you\b|it to you|them to you|this to you|your\b|an? (?:e-?mail|message|text|confirmation|copy|link|reminder|invoice|calendar)\b)"
)
_CALL = (
    r"(?:call(?:ed)?|phoned?|ring|contact(?:ed)?|notif(?:y|ied)|remind(?:ed)?|alert(?:ed)?) (?:you|them|him|her|the|your)\b"
    r"|(?:check|get|come|circle|report) back (?:to|with|on) you|(?:\w+ ){0,6}get back to you"
    r"|(?:follow|followed) up with you|keep you (?:posted|updated|informed)"
    r"|(?:\w+ ){0,6}let you know (?:by|tomorrow|within|later|shortly|soon|on (?:mon|tues|wednes|thurs|fri)day)"
)
_ACT = (
    r"set (?:an? |your |the )?(?:alarm|reminder|timer|calendar)|meet you|visit you|pick (?:it|you) up|deliver (?:it|this|your)"
    r"|add(?:ed)? (?:it|this|that|the \w+) to your (?:calendar|list|cart|account)"
    r"|click(?:ed)? (?:on )?the (?:link|button)|(?:down|up)load(?:ed)? (?:it|the|your)|log(?:ged)? in(?:to)? your"
    r"|updat(?:e|ed) your (?:account|profile|record|order|booking|calendar)"
)
_PROMISE = re.compile(f"{_I_SHALL}(?:{_ARRANGE}|{_SEND}|{_CALL}|{_ACT})", re.IGNORECASE)
_OWN_WORDS = re.compile(
    r"\b(?:write|draft|compose|email|e-mail|letter|message|dialog(?:ue)?|conversation|story|speech|script|reply|respond|response|poem|song|lyrics"
    r"|tweet|post|"
    r"role|pretend|imagine|act as|rewrite|rephrase|paraphrase|translate|edit|correct|convert|complete|continue|sentence|"
    r"summari[sz]e|generate|create|fill)\b",
    re.IGNORECASE,
)
_STAGED = re.compile(r"^(?:\s*(?:subject:|dear |hi |hello |hey )|[\"“‘'])|^\s*[A-Z][\w ]{0,20}:", re.MULTILINE | re.IGNORECASE)


_MAY_REFUSE = (
    r"(?i)\b(?:sorry|afraid|apolog|unfortunately|regret|can(?:no|['’]|‘| no)t|could(?:n['’]t| not)|unable|not (?:able|allowed|permitted"
    r"|programmed|designed|capable|approp|poss)"
    r"|won['’]t|will not|refuse|decline|(?:do(?:n['’‘`]t| not)|currently|also|really|simply|still|therefore) (?:\w+ )?(?:have|possess)"
    r"|inappropriate|unethical|against my)"
    r"|抱歉|对不起|不好意思|无法|不能|没有能力|没有办法|没办法"
)
"""What every refusal has at its beginning."""
_ALSO_REFUSES = (
    r"(?i)^\W{0,4}(?:(?:i['’]m |i am )?(?:sorry|afraid|apologies)[^.]{0,20}?)?i (?:won['’]t|will not|would not|wouldn['’]t) be able to"
    r" (?:help|assist|provide|answer|fulfil|complete|do (?:that|this))"
)
_BEGINNING = 240


class Refusals:
    """Answers that decline the task."""

    name = "refusal"
    title = "Answers that refuse"
    advice = "Keep those that are right to refuse; too many teach the model to refuse."
    screen = "balance"

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a record."""
        answers = wanted_answers(context).filter(pl.col("answer").str.slice(0, _BEGINNING).str.contains(_MAY_REFUSE))
        refused = answers.filter((answer_kinds(answers["answer"]) == "refusal") | answers["answer"].str.contains(_ALSO_REFUSES))
        return [
            Finding(self.name, "info", (row,), "The answer refuses.", excerpt(answer), answer_field(context.dataset, row), 0.9)
            for row, answer in refused.select("row", "answer").iter_rows()
        ]


class Boilerplate:
    """Answers in which a model talks about being one, asked about something else."""

    name = "ai-boilerplate"
    title = 'Answers that say "As an AI"'
    advice = "The words of another model: edit or reject them."
    trigger = (
        r"(?i)\bas an? (?:(?:large |helpful |artificial |conversational )*(?:ai\b|language model|chatbot|llm)|artificial intelligence)"
        r"|\bi(?: am|['’]m) (?:just |only |merely )?an? (?:(?:large )?(?:ai\b|language model)|artificial intelligence)|\bknowledge cut"
        r"|\bmy (?:last|latest) (?:knowledge |update|training)"
        r"|\bmy training data|\bi do(?:n['’]?t| not) have (?:personal|human|real|the ability|access|direct)|作为一个"
    )

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One candidate an answer; `settle` looks at what was asked."""
        match = _BOILERPLATE.search(text) if role == ASSISTANT else None
        if match:
            yield Fault("warning", f'The answer says "{match.group()}".', excerpt(text, match.start()), 0.9)

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """The first answer of each row that was not asked about the model."""
        kept: dict[int, Finding] = {}
        for finding in findings if _has_answers(context) else ():
            if finding.rows[0] not in kept and not _ABOUT_THE_MODEL.search(turn_before(context, finding)):
                kept[finding.rows[0]] = finding
        return list(kept.values())


class Promises:
    """Answers that promise an act in the world; where tools are called the promise may be kept."""

    name = "impossible-promise"
    title = "Promises that an assistant cannot keep"
    advice = "The model learns to promise what it cannot do: edit or reject them."
    trigger = f"(?i){_PROMISE.pattern}"

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One candidate an answer; `settle` looks at what was asked."""
        match = _PROMISE.search(text) if role == ASSISTANT else None
        if match and not _in_somebodys_name(text, match.start()):
            yield Fault("warning", f'The answer promises: "{match.group()}".', excerpt(text, match.start()), 0.7)

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """The first answer of each row that calls no tools and was not asked to write for somebody."""
        kept: dict[int, Finding] = {}
        for finding in findings if _has_answers(context) else ():
            row = finding.rows[0]
            if row not in kept and not _has_tools(context, row) and not _OWN_WORDS.search(turn_before(context, finding)):
                kept[row] = finding
        return list(kept.values())


def _has_answers(context: CheckContext) -> bool:
    """Whether the answers are written, not labels."""
    return context.dataset.layout.name != "classification"


def _has_tools(context: CheckContext, row: int) -> bool:
    value = context.dataset.value(row)
    return bool(isinstance(value, dict) and value.get("tools")) or "t" in context.dataset.turns(row).roles


def _in_somebodys_name(answer: str, at: int) -> bool:
    """Whether the answer writes for somebody else: a letter, a dialogue, a story, quoted words, code."""
    quoted = answer.count('"', 0, at) % 2 == 1 or answer.count("“", 0, at) > answer.count("”", 0, at)
    return bool(quoted or "```" in answer or _STAGED.search(answer))
