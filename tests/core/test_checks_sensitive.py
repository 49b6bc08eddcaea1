"""Personal data and secrets: found by form and check digit, shown masked, taken out by a fix that leaves nothing to find."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.checks.answers.redaction import (
    KEYS_TRIGGER,
    PERSONAL_TRIGGER,
    has_check_digit,
    is_iban,
    personal_data,
    secrets,
    without_personal_data,
    without_secrets,
)
from sde_core.checks.fixes import FIXES, changed_part, fix_edits
from sde_core.dataset import Edit
from tests.core.checked import chat, clean_chats, findings_in, opened, rows_found

LETTERS = "Q7wE9rT2yU4iO6pA8sD1fG3hJ5kL0zX"
KEYS = [
    f"sk-{LETTERS}",
    f"sk-proj-{LETTERS}",
    f"sk-ant-{LETTERS}",
    "AKIA" + "Q7WE9RT2YU4IO6PA",
    f"ghp_{LETTERS}9876",
    f"glpat-{LETTERS[:20]}",
    f"xoxb-{LETTERS}",
    f"AIza{LETTERS}9xZw",
    "sk_live_" + LETTERS,
    f"hf_{LETTERS}",
    f"eyJ{LETTERS}.eyJ{LETTERS}.{LETTERS}",
    f"postgres://ada:{LETTERS[:12]}@db.harbour-museum.net",
    f"-----BEGIN RSA PRIVATE KEY-----\n{LETTERS}\n{LETTERS}\n-----END RSA PRIVATE KEY-----",
]
PERSONAL = [
    ("write to ada.lovett@harbour-museum.net today", "write to [EMAIL] today"),
    ("write to john.smith@gmail.com or bob@harbour-museum.net", "write to [EMAIL] or [EMAIL]"),
    ("call 604-457-4895 or (313) 222-2027", "call [PHONE] or [PHONE]"),
    ("call +44 20 7946 0018 now", "call [PHONE] now"),
    ("the card 4539 5787 6362 1486 was charged", "the card [CARD] was charged"),
    ("paid by credit card 4539578763621486.", "paid by credit card [CARD]."),
    ("to FR76 3000 6000 0112 3456 7890 189, please", "to [IBAN], please"),
    ("my SSN is 219-09-9998", "my SSN is [SSN]"),
    ("the server at 188.120.239.230 answers", "the server at [IP] answers"),
]
NOBODYS = [
    "write to ada@example.com, info@harbour-museum.net or your_name@gmail.com",
    "git@github.com:harbour/museum.git",
    "bob@gmail.com, jane.doe@harbour-museum.net, me@mydomain.org, letters@harbour-museum.net",
    "call 555-555-1234, (555) 123-4567, 1-800-222-1222 or 123-456-7890",
    "the card 4111 1111 1111 1111 is for tests, and 4539 5787 6362 1487 is mistyped",
    "the number 4539578763621486 is a product",
    "DE89 3704 0044 0532 0130 00 is printed in manuals, FR77 3000 6000 0112 3456 7890 189 is mistyped",
    "the part 219-09-9998 fits",
    "the server at 192.168.1.1, 127.0.0.1, 8.8.8.8 or 203.0.113.7; player version 31.0.0.153",
    "it is 3.604-457-4895",
    "ISBN 9780143126560, 2930861750638 plus 52341951985411",
    "12500+21000-6300 and 6000-600-150-1200",
]
NO_KEYS = ["sk-xxxxxxxxxxxxxxxxxxxxxxxx", "sk-your-key-here-0000000000", "AKIAIOSFODNN7EXAMPLE", "http://user:password@host.example.org",
           "ask-me-anything-about-the-harbour-museum", "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----"]  # fmt: skip


@pytest.mark.parametrize(("text", "redacted"), PERSONAL)
def test_personal_data_is_replaced_by_its_kind(text, redacted):
    assert without_personal_data(text) == redacted
    assert without_personal_data(redacted) == redacted


@pytest.mark.parametrize("text", NOBODYS)
def test_what_belongs_to_nobody_stays(text):
    assert [text[piece.start : piece.end] for piece in personal_data(text)] == []


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:12])
def test_secrets_are_found_masked_and_taken_out(tmp_path, key):
    rows = [*clean_chats(10), chat("How do I log in?", f"Use this: {key} and go on.")]
    found = findings_in(tmp_path, rows, "secret")
    assert [(finding.rows, finding.severity, finding.fix) for finding in found] == [((10,), "error", "redact-secrets")]
    assert key[-12:] not in found[0].evidence
    assert "…" in found[0].evidence
    after = without_secrets(rows[10]["messages"][1]["content"])
    assert key[:16] not in after
    assert "Use this: [" in after
    assert without_secrets(after) == after


@pytest.mark.parametrize("text", NO_KEYS)
def test_what_opens_nothing_stays(text):
    assert list(secrets(text)) == []


def test_redaction_is_an_edit_of_the_field(tmp_path):
    dataset = opened(tmp_path, [*clean_chats(5), chat("Where?", "Write to ada.lovett@harbour-museum.net.")])
    from sde_core.checks import run_checks

    found = run_checks(dataset, ("personal-data",)).findings
    assert rows_found(found) == [5]
    assert (found[0].severity, found[0].evidence) == ("info", "Write to ada.….")
    assert [edit.after for edit in fix_edits(dataset, found)] == ["Write to [EMAIL]."]


def test_neither_kind_shows_the_other(tmp_path):
    found = findings_in(tmp_path, [*clean_chats(5), chat("How?", f"Set {KEYS[1]} and call 604-457-4895.")], "secret", "personal-data")
    assert [finding.evidence for finding in found] == ["Set sk-p… and call 604…."] * 2


def test_the_preview_of_a_redaction_shows_no_secret():
    before = f"Set the key to {KEYS[1]} and write to ada.lovett@harbour-museum.net."
    shown = changed_part(Edit(0, ("text",), before, without_personal_data(without_secrets(before))))
    assert shown == ("Set the key to sk-p… and write to ada.….", "Set the key to [SECRET] and write to [EMAIL].")
    assert changed_part(Edit(0, ("text",), before, before + "!"))[0].endswith("net.")


def test_card_and_account_numbers_keep_their_check_digits():
    assert has_check_digit("4539578763621486")
    assert not has_check_digit("4539578763621487")
    assert is_iban("FR7630006000011234567890189")
    assert not is_iban("FR7730006000011234567890189")


@given(st.text(alphabet="abcdefgh0123456789@.+-() :/_sk-", max_size=80))
def test_fixes_are_idempotent_and_leave_nothing(text):
    for name, finder in (("redact-personal-data", personal_data), ("redact-secrets", secrets)):
        after = FIXES[name](text)
        assert FIXES[name](after) == after
        assert not list(finder(after))


def test_triggers_let_every_case_through():
    import polars as pl

    assert pl.Series([text for text, _ in PERSONAL]).str.contains(PERSONAL_TRIGGER).all()
    assert pl.Series(KEYS).str.contains(KEYS_TRIGGER).all()
