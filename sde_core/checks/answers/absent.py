"""Answers to prompts whose matter is not there: a text that does not follow, a page or a picture of which only the address is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from sde_core.checks.answers.rows import Exchange, exchange_of
from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Fault, Finding
from sde_core.checks.fixes import MARKER
from sde_core.dataset.turns import ASSISTANT, USER

_MATTER = (
    r"(?:articles?|texts?|passages?|paragraphs?|essays?|poems?|stor(?:y|ies)|documents?|e-?mails?|letters?|reviews?|dialogues?|conversations?"
    r"|sentences?|tables?|code|snippets?|graphs?|charts?|images?|pictures?|photos?|photographs?|paintings?|diagrams?|statements?|quotes?|excerpts?"
    r"|speech|tweets?|posts?|abstracts?|reports?|transcripts?|screenshots?|figures?|urls?|links?|web ?(?:pages?|sites?)|videos?|recordings?)"
)
_KIND = r"(?:(?:news|short|research|scientific|blog|newspaper|legal|customer|product|two|three|python|java|javascript|sql|html) )*"
_READ = (
    r"(?:summari[sz]e|proofread|translate|paraphrase|analy[sz]e|describe|caption|critique|interpret|outline|transcribe"
    r"|write (?:an? )?(?:brief |short )?(?:description|summary|caption) of)"
)
_SHOWN = r"(?:images?|pictures?|photos?|photographs?|charts?|graphs?|diagrams?|screenshots?|recording)"
_REFERS = re.compile(
    rf"\bthe following {_KIND}{_MATTER}\b(?P<tail>[^\n]*)$"
    rf"|^{_READ} (?:this|these) {_KIND}{_MATTER}\b(?P<tail_of_this>[^\n]*)$"
    rf"|^{_READ} the {_SHOWN}\b(?P<tail_of_read>[^\n]*)$"
    rf"|\b(?:the|this) {_KIND}{_MATTER} (?:above|below)\b(?P<tail_of_above>[^\n]*)$|\bthe (?:above|below) {_KIND}{_MATTER}\b(?P<tail_above>[^\n]*)$"
    rf"|\b(?:in|of|from|with) (?:the|this|these) {_SHOWN}\b(?P<tail_of_shown>[^\n]*)$",
    re.IGNORECASE,
)
_REFERS_TRIGGER = (
    rf"^[^\n]*(?:[Tt]he (?:following|above|below) |[Tt]h(?:is|ese) {_KIND}{_MATTER}|[Tt]he {_KIND}{_MATTER} (?:above|below)"
    rf"|(?:in|of|from|with|be|ion|ize|ne) the {_SHOWN})[^\n]*\s*(?:\n[^\n]{{0,20}}\s*)?$"
)
_IN_SO_MANY = re.compile(
    r"\b(?:in|using|with)(?: \w+){0,3} \d+ (?:words?|sentences?|lines?|characters?)\b|\bwith \d+ or \w+ words\b"
    r"|\b(?:in|into|to|from)(?: \w+){0,2} (?:English|French|German|Spanish|Italian|Portuguese|Chinese|Japanese|Korean|Russian|Arabic|Hindi|Latin"
    r"|Dutch)\b",
    re.IGNORECASE,
)
_SPECIFIED = re.compile(
    r"[\d\"“”‘`\[\]{}()<>=|]|[:;.?!]\s*\S|(?<!^)\b[A-Z][a-z]+|[a-z][A-Z]|'\w+'|^\s*,|^\s*(?:of|about|called|named|titled|entitled|that|which|who"
    r"|from the (?:book|movie|film)|between)\b"
)
"""What the rest of the sentence may hold that names the matter after all."""
_LONGEST_PROMPT, _LONGEST_TAIL = 200, 70

_ADDRESS = re.compile(
    r"!?\[[^\]\n]{0,60}\]\((?:https?:)?[^)\s]+\)|<img [^>]*>|https?://\S+|\bwww\.\S+\.\S+"
    r"|[\[(]?\b[\w-]+\.(?:png|jpe?g|gif|webp|bmp|mp4|mp3|wav|pdf)\b[\])]?"
    r"|[\[(](?:link to (?:the |an? )?)?(?:image|photo|picture|video|website url|url|link|sketch|screenshot)(?: of an? \w+)?[\])]",
    re.IGNORECASE,
)
_ADDRESS_TRIGGER = (
    r"(?i)https?://|\bwww\.|<img |[\[(](?:link to |image|photo|picture|video|website url|url|link|sketch|screenshot)"
    r"|\.(?:png|jpe?g|gif|webp|bmp|mp[34]|wav|pdf)\b"
)
_CONTENT = re.compile(
    r"\b(?:articles?|(?:web ?)?page|web ?sites?|(?:news )?stor(?:y|ies)|photo(?:graph)?s?|pictures?|images?|paintings?|videos?|songs?|pdf"
    r"|documents?|spreadsheets?|figures?"
    r"|shapes?|art ?works?|works? of art|designs?|sketch(?:es)?|news|posts?|blog|recordings?|paper|charts?|graphs?|headlines?)\b",
    re.IGNORECASE,
)
_TREATS = re.compile(
    r"\b(?:summar\w+|outline|main points|describe|description|captions?|titles?|highlights?|headline|read|edit|improve\w*|colori[sz]e|analy[sz]e"
    r"|rate|evaluate"
    r"|classify|rewrite|explain|significance|transcribe|identify|elements|transform|access|review|content|artist|ideas?|critique"
    r"|what (?:is|are) (?:shown|in|on|depicted)|what (?:does|do) (?:it|this|these|the \w+|this \w+|this web ?site) (?:show|say|offer|contain"
    r"|depict|mean|sell))\b",
    re.IGNORECASE,
)
_OTHER_TASK = re.compile(
    r"\b(?:code|html|css|python|java(?:script)?|script|functions?|regex|regular expression|curl|api|endpoint|domain|hyperlinks?|anchor|requests?"
    r"|pars\w+|programs?|uris?"
    r"|cit(?:e|ation)s?|mla|apa|shorten\w*|snippets?|query|tags?|buttons?|fetch\w*|download\w*|commands?|json|sql|xml|scrap\w+|crawl\w*|node"
    r"|react|library|url to)\b",
    re.IGNORECASE,
)
_ONLY_READ = re.compile(
    r"\W*(?:please |can you |could you )?(?:summari[sz]e|describe|review|outline|explain|read)(?: (?:it|this|that|for me"
    r"|please))*\W*",
    re.IGNORECASE,
)
_MOST_WORDS = 25
_DECLINES = re.compile(
    r"\b(?:please|could you|can you|kindly)(?: \w+){0,3} (?:provide|share|send|paste|attach|supply|specify|give)|\bas an ai\b|\b(?:un|not )able to\b"
    r"|\b(?:can(?:no|['’])t|cannot|do(?:n['’]t| not)) (?:have|see|access|view|open|read|browse|find|summari[sz]e|directly)\b|\bi need (?:more|the)\b"
    r"|\b(?:no|not|n['’]t|without)(?: \w+){0,4} (?:provided|given|attached|available|included|article|image|text|passage|photo|picture|context)\b"
    r"|\b(?:sorry|unfortunately|apologi[sz]e)\b|<\s*no ?\w+\s*>|抱歉|无法|请提供",
    re.IGNORECASE,
)


_FILE = (
    r"images?|pictures?|photos?|screenshots?|charts?|flow ?charts?|diagrams?|graphs?|videos?|audio|files?|sketch|drawing|painting|illustration"
    r"|logo|infographic"
    r"|map|attached"
)
_ATTACHMENT = re.compile(
    rf"\W{{0,2}}[\[<(]\s*(?:[\w'’-]+ ){{0,8}}(?:{_FILE})\b[^\]>)\n]{{0,300}}[\]>)]\W{{0,2}}|!\[[^\]\n]*\]\([^)\n]*\)", re.IGNORECASE
)


class MissingInput:
    """Prompts that speak of a text or a picture that does not come, and answers that go on as though it were there."""

    name = "missing-input"
    title = "Answers to a text that is not there"
    advice = "The model learns to invent what it was not given: add the text or reject the row."
    explained_by = ("empty-answer", "refusal")
    trigger = _REFERS_TRIGGER

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One candidate a user's text; `settle` looks at the rest of the row."""
        prompt = MARKER.sub("", text).strip()
        if role != USER or "\n" in prompt or len(prompt) > _LONGEST_PROMPT:
            return
        match = _REFERS.search(prompt)
        tail = next((rest for rest in match.groups() if rest is not None), "") if match else ""
        tail = tail.lstrip(" ,") if match and re.search(r"above|below", match.group(), re.IGNORECASE) else tail
        if (
            match
            and len(tail) <= _LONGEST_TAIL
            and not _SPECIFIED.search(_IN_SO_MANY.sub("", tail).rstrip(" .?!:"))
            and not re.search(r"[:;.?!]\s", prompt[: match.start()])
        ):
            said = match.group()[: len(match.group()) - len(tail)].lower().rstrip(" ,")
            yield Fault("warning", f"The prompt speaks of “{said}”, and there is none; the answer goes on as though it were.", prompt, 0.8)

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """Candidates whose row holds nothing else that the prompt could mean."""
        return _confirmed(findings, context, _is_all)


class UnseenSource:
    """Prompts that give the address of a page or a picture in its place, and answers that tell what is in it."""

    name = "unseen-source"
    title = "Pages and pictures treated as seen"
    advice = "The model learns to invent what a page or a picture shows: give its text or reject the row."
    explained_by = ("empty-answer", "refusal", "missing-input")
    trigger = _ADDRESS_TRIGGER

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One candidate a user's text; `settle` looks at the rest of the row."""
        match = _ADDRESS.search(text) if role == USER else None
        if match and len(_ADDRESS.sub(" ", text).split()) <= _MOST_WORDS:
            said = f"Only the address {match.group()[:60]} stands for the matter; the answer tells what is in it."
            yield Fault("warning", said, excerpt(text, match.start()), 0.8)

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """Candidates whose prompt asks for what is at the address, and says no more of it."""
        return _confirmed(findings, context, _asks_for_content)


class PretendedAttachment:
    """Answers that are nothing but the mark of a picture or a file: "[screenshot of the page]"."""

    name = "pretended-attachment"
    title = "Answers that pretend an attachment"
    advice = "There is no picture and no file: write the answer or reject the row."
    trigger = rf"(?is)^\W{{0,2}}[\[<(]\s*(?:[\w'’-]+ ){{0,8}}(?:{_FILE})\b|^\s*!\["

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault an answer."""
        if role == ASSISTANT and _ATTACHMENT.fullmatch(text.strip()):
            yield Fault("warning", "The answer is only the mark of a picture or a file.", excerpt(text.strip()), 0.9)


def _confirmed(findings: Sequence[Finding], context: CheckContext, holds: Callable[[Exchange, Finding], bool]) -> list[Finding]:
    """The first finding of each row whose exchange fits and whose answer neither declines nor asks for what is missing."""
    kept: dict[int, Finding] = {}
    for finding in findings if context.dataset.layout.name != "classification" else ():
        exchange = exchange_of(context, finding)
        if exchange and _goes_on(exchange) and holds(exchange, finding):
            kept.setdefault(finding.rows[0], finding)
    return list(kept.values())


def _goes_on(exchange: Exchange) -> bool:
    answer = exchange.answer.lstrip()
    return bool(answer) and not _DECLINES.search(answer[:400]) and not exchange.has_media and not exchange.before.strip()


def _is_all(exchange: Exchange, finding: Finding) -> bool:
    return MARKER.sub("", exchange.asked).strip() == finding.evidence


def _asks_for_content(exchange: Exchange, _: Finding) -> bool:
    rest = _ADDRESS.sub(" ", exchange.asked)
    asks = _ONLY_READ.fullmatch(rest) or (_CONTENT.search(rest) and _TREATS.search(rest) and not _OTHER_TASK.search(rest))
    return bool(asks) and len(re.findall(r"\w+", rest)) <= _MOST_WORDS and not exchange.answer.lstrip().startswith("<")
