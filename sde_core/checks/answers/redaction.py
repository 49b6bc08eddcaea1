"""Personal data and secrets in a text: where they stand, what kind each is, and the text without them.

A number counts only where its own check digits hold (cards: Luhn; IBAN: remainder by 97) and where it is not one of those that manuals print.
Addresses and numbers reserved for examples (example.com, 555-0100, 192.168.0.1, the networks of RFC 5737) are nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Something in a text that should not be learnt.

    Attributes:
        kind: In words: "an e-mail address".
        mark: What redaction puts in its place: "[EMAIL]".
        start: Where it begins.
        end: Where it ends.
    """

    kind: str
    mark: str
    start: int
    end: int


# ---- people

_EMAIL = re.compile(r"(?<![\w.+%@/:-])[A-Za-z0-9][A-Za-z0-9._+-]{0,63}@((?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24})(?![\w@-])")
_NEXT_SENTENCE = re.compile(r"[a-z]\.[A-Z][a-z]{3,}$")  # "…@home.Please": no address, a full stop without a space
_PLACEHOLDER_DOMAIN = re.compile(
    r"(?:.*\.)?(?:example\d*|[\w-]*example|test\d*|testing|sample\w*|demo|domain\w*|e?mail|company\w*|\w+company|website|site|abc\w*|xyz\w*"
    r"|foo\w*|bar|acme\w*"
    r"|(?:my|your|our|the|some|any)-?(?:company|domain|e?mail|site|org|website|business|provider|host|server|corp|app|name|school|university|bank"
    r"|firm)\w*"
    r"|corp|business|organization|org|school|university|server|host\w*|provider|address|placeholder|fake\w*|[a-z\d])"
    r"\.[a-z.]{2,6}|.*\.(?:test|example|invalid|local|localhost|internal)",
    re.IGNORECASE,
)
_ROLE_NAME = re.compile(
    r"(?:.*(?:example|test|sample|placeholder|dummy|fake|user|your|my_|_my|name|e?mail|someone|somebody|anyone|nobody|recipient|sender|address"
    r"|domain).*"
    r"|(?:john|jane|joe|j)[._-]?doe\d*|foo|bar|baz|abc\w*|xyz|\d+|[a-z]\d?|you|me"
    r"|info\w*|support|help\w*|sales|contact\w*|admin\w*|office|press|media|news\w*|no-?reply|do-?not-?reply|webmaster|postmaster|service\w*"
    r"|customer\w*"
    r"|marketing|editor\w*|feedback|team|hello|hr|jobs|careers|billing|orders?|privacy|security|legal|abuse|root|git|admission\w*|subscribe"
    r"|unsubscribe"
    r"|alerts?|pr|spam|phish\w*|report\w*|backup|letters?|investigations?|\w*pictures?|photos?|auto\w*|comments?|tips?|\w*submissions?|word)",
    re.IGNORECASE,
)
_FIRST_NAME_ALONE = re.compile(
    r"(?:alice|bob|carol|charlie|dave|david|eve|john|jane|joe|jim|jill|mary|dan|jon|tom|anna|emma|max|mike|sam|sarah)\d?@(?:gmail|yahoo|hotmail"
    r"|outlook)\..*",
    re.IGNORECASE,
)
"""Addresses that are made up for an exercise."""
_PHONE = re.compile(
    r"(?<![\w.+/=*%$#-])(?<!\d )(?:\+?1[ .-]?)?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}(?![\w-]|[.]\d)"
    r"|(?<![\w+)])\+(?=(?:\D?\d){9,13}(?!\D?\d))[2-9]\d{1,2}[ .-]?(?:\(0\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}(?![\w-]|[.]\d)"
)
_FEWEST_DIGITS = 9
_NOBODYS_PHONE = re.compile(
    r"\D*(?:\+?1\D*)?(?:8(?:00|33|44|55|66|77|88)|900|555|999|222|333|234\D*567)|(?:.*\D)?555\D|.*(?:0000|1234|4567|5678|(\d)(?:\D*\1){5})\D*$"
)
_NATIONAL_PHONE = re.compile(
    r"\b(?:phone|tel|telephone|call|ring|mobile|cell|whatsapp|fax|text|number)\b[^\n\d+]{0,20}(?P<number>0(?!800|808|870|871|845|900"
    r"|9\d)\d{2,4}[ /-]\d{3,4}(?:[ -]?\d{3,5})?)"
    r"(?![\w-]|[.]\d)",
    re.IGNORECASE,
)
_SOCIAL = re.compile(r"(?<![\d-])(?!000|666|9\d\d|123-45|111-11|078-05)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\d-])")
_SOCIAL_WORD = re.compile(r"\b(?:ssn|social[ -]security|tax(?:payer)? id)\b", re.IGNORECASE)
_CARD = re.compile(
    r"(?<![\w.+/=-])(?:[3-6]\d{3}(?P<gap>[ -])\d{4}(?P=gap)\d{4}(?P=gap)\d{4}|3[47]\d\d[ -]\d{6}[ -]\d{5}|[3-6]\d{14,15})(?![\w-]|[.]\d)"
)
_CARD_WORD = re.compile(r"\b(?:card|credit|debit|visa|master-?card|amex|american express|payment|paid)\b", re.IGNORECASE)
_PRINTED_CARDS = re.compile(
    r"4111111111111111|(?:42){8}|4012888888881881|5555555555554444|5105105105105100|6011(?:1{9}|000990139)[47]\d*|378282246310005|371449635398431"
    r"|4000056655665556|5200828282828210|3530111333300000|4917610000000000|5454545454545454"
)
_IBAN = re.compile(r"(?<![\w-])(?P<country>[A-Z]{2})\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![\w-])")
_IBAN_LENGTHS = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})(\d\d)",
        """
        AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 ES24 FI18 FR27 GB22 GE22 GI23 GR27 HR21 HU28
        IE22 IL23 IS26 IT27 JO30 KW30 KZ20 LB28 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MT31 NL18 NO15 PK24 PL28 PT25 QA29 RO24 RS22 SA24 SE24
        SI19 SK24 SM27 TN24 TR26 UA29
        """,
    )
}
"""Characters of an account number by country."""
_PRINTED_IBANS = frozenset(
    ["DE89370400440532013000", "GB82WEST12345698765432", "GB29NWBK60161331926819", "FR1420041010050500013M02606", "NL91ABNA0417164300"]
)
_ADDRESS = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w./-])")
_ADDRESS_WORD = re.compile(
    r"\b(?:ip|address|server|host|located|from|traffic|login|logged|client|ssh|connect\w*|attacker|visitor)\b|://", re.IGNORECASE
)
_VERSION_WORD = re.compile(r"\b(?:v|ver|version|versions|release|update|before|player|to)\.?\s*$|\bversions?\b", re.IGNORECASE)
_KNOWN_ADDRESSES = re.compile(r"1\.1\.1\.1|1\.0\.0\.1|8\.8\.[48]\.\d|9\.9\.9\.9|1\.2\.3\.4|5\.6\.7\.8|123\.4?5?\d*\..*|(\d+)\.\1\.\1\.\1|.*\.0")

PERSONAL_TRIGGER = (
    r"[A-Za-z0-9._+-]@[A-Za-z0-9-]+\.[A-Za-z]|[2-9][0-9][0-9]\)?[ .-] ?[2-9][0-9][0-9][ .-][0-9]{4}"
    r"|\+[2-9][0-9][0-9 .()-]{7}|[0-9]{3}-[0-9]{2}-[0-9]{4}"
    r"|[3-6][0-9]{3}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]|[3-6][0-9]{14}|3[47][0-9]{2}[ -][0-9]{6}[ -]|[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4}"
    r"|0[0-9]{2,4}[ /-][0-9]{3,4}[ 0-9-]|[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"
)
"""Rust regex that every text with personal data matches."""


def personal_data(text: str) -> Iterator[Sensitive]:
    """E-mail addresses, telephone, card, bank account and social security numbers and IP addresses, kind by kind."""
    if "@" in text:
        yield from _emails(text)
    yield from _phones(text)
    if _SOCIAL_WORD.search(text):
        yield from (Sensitive("a social security number", "[SSN]", *match.span()) for match in _SOCIAL.finditer(text))
    yield from _accounts(text)
    yield from _addresses(text)


def _emails(text: str) -> Iterator[Sensitive]:
    for match in _EMAIL.finditer(text):
        local, domain = match.group().split("@")
        made_up = _PLACEHOLDER_DOMAIN.fullmatch(domain) or _ROLE_NAME.fullmatch(local) or _FIRST_NAME_ALONE.fullmatch(match.group())
        if not made_up and not _NEXT_SENTENCE.search(domain):
            yield Sensitive("an e-mail address", "[EMAIL]", *match.span())


def _phones(text: str) -> Iterator[Sensitive]:
    for match in _PHONE.finditer(text):
        if not _NOBODYS_PHONE.match(match.group()):
            yield Sensitive("a telephone number", "[PHONE]", *match.span())
    for match in _NATIONAL_PHONE.finditer(text):
        if not _NOBODYS_PHONE.match(match["number"]) and sum(map(str.isdigit, match["number"])) >= _FEWEST_DIGITS:
            yield Sensitive("a telephone number", "[PHONE]", *match.span("number"))


def _accounts(text: str) -> Iterator[Sensitive]:
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        grouped = len(digits) < len(match.group())
        if has_check_digit(digits) and not _PRINTED_CARDS.fullmatch(digits) and len(set(digits)) > 3 and (grouped or _CARD_WORD.search(text)):
            yield Sensitive("a payment card's number", "[CARD]", *match.span())
    for match in _IBAN.finditer(text):
        number = match.group().replace(" ", "")
        if _IBAN_LENGTHS.get(match["country"]) == len(number) and is_iban(number) and number not in _PRINTED_IBANS:
            yield Sensitive("a bank account's number", "[IBAN]", *match.span())


def _addresses(text: str) -> Iterator[Sensitive]:
    for match in _ADDRESS.finditer(text):
        before = text[max(0, match.start() - 60) : match.start()]
        if _is_public(match.group()) and _ADDRESS_WORD.search(before) and not _VERSION_WORD.search(before):
            yield Sensitive("an IP address", "[IP]", *match.span())


def _is_public(address: str) -> bool:
    try:
        return IPv4Address(address).is_global and not _KNOWN_ADDRESSES.fullmatch(address)
    except AddressValueError:
        return False


def has_check_digit(digits: str) -> bool:
    """Whether the last digit is the one that Luhn's formula gives for the others."""
    doubled = [int(digit) * 2 for digit in digits[-2::-2]]
    return (sum(int(digit) for digit in digits[::-2]) + sum(value - 9 if value > 9 else value for value in doubled)) % 10 == 0


def is_iban(number: str) -> bool:
    """Whether the check digits of a bank account's number hold (ISO 13616: letters as 10-35, the first four characters last, remainder 1 by 97)."""
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 == 1


# ---- secrets

_SECRETS: tuple[tuple[str, str], ...] = (
    ("a private key", r"-----BEGIN (?:[A-Z]+ ){0,2}PRIVATE KEY(?: BLOCK)?-----\s+(?:[A-Za-z0-9+/=:,. -]{16,}\s+){2,}(?:-----END [A-Z ]+-----)?"),
    ("an Anthropic key", r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    ("an OpenAI key", r"\bsk-(?:(?:proj|svcacct|admin)-)?[A-Za-z0-9_-]{20,}"),
    ("an AWS key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("a GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{30,}\b|\bgithub_pat_[A-Za-z0-9_]{22,}"),
    ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("a Slack token", r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    ("a Google key", r"\bAIza[A-Za-z0-9_-]{35}\b"),
    ("a Stripe key", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("a Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}\b"),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a PyPI token", r"\bpypi-[A-Za-z0-9_-]{50,}"),
    ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{30,}"),
    ("a JSON web token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
    ("a password in a URL", r"\b[a-z][a-z+]{2,12}://[^\s:/@<>{}$\"']{1,40}:[^\s:/@<>{}$\"'*]{6,60}@[\w.-]+\.\w+"),
)  # fmt: skip
_SECRET = re.compile("|".join(f"(?P<s{number}>{pattern})" for number, (_, pattern) in enumerate(_SECRETS)))
_NOT_SECRET = re.compile(
    r"x{4,}|example|your|sample|placeholder|dummy|fake|test_?key|secret_?key|api_?key|my_?key|_here|-here|insert|replace|abcdef|1234567|(\w)\1{5}"
    r"|<|\.\.\."
    r"|eyJzdWIiOiIxMjM0NTY3ODkw|:(?:pass(?:word)?|pwd|secret|123456|root|admin)\d*@",
    re.IGNORECASE,
)
_FEWEST_CHARACTERS = 8

KEYS_TRIGGER = (
    r"sk-[A-Za-z0-9_-]{20}|A[KS]IA[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{30}|github_pat_|glpat-|xox[abprs]-|AIza[A-Za-z0-9_-]{35}|[sr]k_(?:live"
    r"|test)_|hf_[A-Za-z0-9]{30}"
    r"|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50}|SG\.[A-Za-z0-9_-]{22}\.|eyJ[A-Za-z0-9_-]{10,}\.eyJ|PRIVATE KEY|://[^\s:/@]{1,40}:[^\s:/@]{6,60}@"
)
"""Rust regex that every text with a secret matches."""


def secrets(text: str) -> Iterator[Sensitive]:
    """Keys and tokens by the forms that their issuers gave them, private keys, and passwords in URLs."""
    for match in _SECRET.finditer(text):
        body = match.group()
        is_block = body.startswith("-----")
        if is_block or (len(set(body)) >= _FEWEST_CHARACTERS and not _NOT_SECRET.search(body) and re.search(r"\d", body)):
            kind = _SECRETS[int((match.lastgroup or "s0")[1:])][0]
            yield Sensitive(kind, "[PRIVATE KEY]" if kind == "a private key" else "[SECRET]", *match.span())


# ---- without them


def without_personal_data(text: str) -> str:
    """The text with a mark such as [EMAIL] in place of each."""
    return _without(text, list(personal_data(text)))


def without_secrets(text: str) -> str:
    """The text with [SECRET] in place of each."""
    return _without(text, list(secrets(text)))


def _without(text: str, found: list[Sensitive]) -> str:
    for piece in reversed(_without_overlaps(found)):
        text = text[: piece.start] + piece.mark + text[piece.end :]
    return text


def masked(text: str, found: list[Sensitive]) -> str:
    """The text with all but the first characters of each hidden, so that it can be shown."""
    for piece in reversed(_without_overlaps(found)):
        shown = min(4, (piece.end - piece.start) // 4)
        text = text[: piece.start + shown] + "…" + text[piece.end :]
    return text


def with_redacted_masked(before: str, after: str) -> str:
    """A text with those pieces masked that redaction took out of it."""
    if after.count("[") <= before.count("["):
        return before
    found = [piece for piece in (*personal_data(before), *secrets(before)) if before[piece.start : piece.end] not in after]
    return masked(before, found)


def _without_overlaps(found: list[Sensitive]) -> list[Sensitive]:
    kept: list[Sensitive] = []
    for piece in sorted(found, key=lambda piece: (piece.start, -piece.end)):
        if not kept or piece.start >= kept[-1].end:
            kept.append(piece)
    return kept
