"""The language of texts, told apart where it can be and left open where it cannot."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.dataset import open_dataset
from sde_core.errors import CancelledError
from sde_core.features.language import LANGUAGE_NAMES, SURE, UNKNOWN, language_frame, languages

PARCEL = {
    "en": "I would like to know when my parcel will arrive, because I have not received anything yet.",
    "de": "Ich möchte wissen, wann mein Paket ankommt, weil ich noch nichts bekommen habe.",
    "fr": "Je voudrais savoir quand mon colis va arriver, car je n'ai encore rien reçu.",
    "es": "Quisiera saber cuándo llegará mi paquete, porque todavía no he recibido nada.",
    "it": "Vorrei sapere quando arriva il mio pacco, perché non ho ancora ricevuto nulla.",
    "pt": "Gostaria de saber quando a minha encomenda vai chegar, pois ainda não recebi nada.",
    "nl": "Ik wil graag weten wanneer mijn pakket aankomt, want ik heb nog niets ontvangen.",
    "sv": "Jag skulle vilja veta när mitt paket kommer, för jag har inte fått något än.",
    "da": "Jeg vil gerne vide, hvornår min pakke ankommer, for jeg har ikke modtaget noget endnu.",
    "fi": "Haluaisin tietää, milloin pakettini saapuu, koska en ole vielä saanut mitään.",
    "pl": "Chciałbym wiedzieć, kiedy dotrze moja paczka, ponieważ jeszcze nic nie otrzymałem.",
    "cs": "Rád bych věděl, kdy dorazí můj balík, protože jsem ještě nic nedostal.",
    "hu": "Szeretném tudni, mikor érkezik meg a csomagom, mert még nem kaptam semmit.",
    "ro": "Aș dori să știu când va ajunge coletul meu, pentru că încă nu am primit nimic.",
    "tr": "Paketimin ne zaman geleceğini öğrenmek istiyorum, çünkü henüz bir şey almadım.",
    "vi": "Tôi muốn biết khi nào bưu kiện của tôi sẽ đến, vì tôi vẫn chưa nhận được gì.",
    "id": "Saya ingin tahu kapan paket saya akan tiba, karena saya belum menerima apa pun.",
    "ru": "Я хотел бы знать, когда придёт моя посылка, потому что я ещё ничего не получил.",
    "uk": "Я хотів би знати, коли прийде моя посилка, бо я ще нічого не отримав.",
    "bg": "Бих искал да знам кога ще пристигне пратката ми, защото още не съм получил нищо.",
    "el": "Θα ήθελα να μάθω πότε θα φτάσει το δέμα μου.",
    "zh": "我想知道我的包裹什么时候到，因为我还没有收到任何东西。",
    "ja": "荷物がいつ届くか知りたいのですが、まだ何も届いていません。",
    "ko": "아직 아무것도 받지 못했는데 제 소포가 언제 도착하는지 알고 싶습니다.",
    "ar": "أود أن أعرف متى ستصل طرودي لأنني لم أستلم أي شيء بعد.",
    "fa": "می‌خواهم بدانم بسته من کی می‌رسد، چون هنوز چیزی دریافت نکرده‌ام.",
    "ur": "میں جاننا چاہتا ہوں کہ میرا پارسل کب پہنچے گا کیونکہ مجھے ابھی تک کچھ نہیں ملا۔",
    "he": "אני רוצה לדעת מתי החבילה שלי תגיע, כי עדיין לא קיבלתי כלום.",
    "hi": "मैं जानना चाहता हूँ कि मेरा पार्सल कब आएगा, क्योंकि मुझे अभी तक कुछ नहीं मिला है।",
    "th": "ฉันอยากรู้ว่าพัสดุของฉันจะมาถึงเมื่อไหร่",
    "ta": "எனது பார்சல் எப்போது வரும் என்பதை அறிய விரும்புகிறேன்.",
    "bn": "আমি জানতে চাই আমার পার্সেল কখন আসবে।",
    "ka": "მინდა ვიცოდე, როდის მოვა ჩემი ამანათი.",
}
SHORT = {
    "en": ["I am going to take a stroll.", "We're sorry to hear that.", "It’s in the box.", "The past tense of draw is drew."],
    "de": ["Der Himmel ist oben."],
    "fr": ["Il aime jouer au football."],
    "es": ["Mi nombre es John."],
    "zh": ["当然，1000美元大约等于850欧元。", "1. 阿尔伯特·爱因斯坦（Albert Einstein）: 1921年"],
}
NOT_TOLD = [
    "", "  \n", "42", "Yes", "OK", "positive", "Bonjour", "Ludwig van Beethoven", "Paris, London, Berlin, Madrid, Rome, Lisbon, Vienna, Prague, Athens",
    "https://example.com/the/and/of/with/this", "for (int i = 0; i < n; i++) { sum += a[i]; }", "def add(x, y):\n    return x + y",
    "| a | the |\n|---|---|\n| 1 | and |", "```\nles mots de la langue et que vous avez pour nous\n```", "x = 2y + 3; y = 4", "是", "π ≈ 3.14",
    "Frappuccino, shaken espresso, caramel macchiato", "Public Function Add(a As Integer, b As Integer)\n    Return a + b\nEnd Function",
]  # fmt: skip


@pytest.mark.parametrize("code", PARCEL)
def test_a_sentence_in_many_languages(code: str) -> None:
    (found,) = languages([PARCEL[code]])
    assert found.code == code
    assert found.certainty >= SURE


def test_all_at_once_in_their_order() -> None:
    texts = [*PARCEL.values(), *NOT_TOLD, *PARCEL.values()]
    expected = [*PARCEL, *[UNKNOWN] * len(NOT_TOLD), *PARCEL]
    assert [found.code for found in languages(texts)] == expected
    assert language_frame(pl.Series(texts))["code"].to_list() == expected


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in SHORT.items() for text in texts])
def test_short_sentences(code: str, text: str) -> None:
    assert languages([text])[0].code == code


@pytest.mark.parametrize("text", NOT_TOLD)
def test_what_has_no_language_is_left_open(text: str) -> None:
    assert languages([text]) == [(UNKNOWN, 0.0)]


def test_code_links_and_tags_do_not_count() -> None:
    text = "Use `les mots de la langue` as in <span class='der die das'>this</span>, see https://example.com/le/la/les for what the output means."
    assert languages([text])[0].code == "en"
    assert languages(["这是代码：\n```python\nfor word in the_list_of_words: print(word, 'is in the list of words')\n```"])[0].code == "zh"


def test_half_one_language_and_half_another_is_neither() -> None:
    assert languages(["这句话的翻译如下所示，请看这里。 This is the translation of the sentence that you have sent to us."])[0].code == UNKNOWN


def test_nothing_and_null() -> None:
    assert languages([]) == []
    assert languages(pl.Series([None, "It is what the people have."], dtype=pl.String))[0] == (UNKNOWN, 0.0)


def test_it_can_be_stopped() -> None:
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(CancelledError):
        languages([PARCEL["hu"]], cancel=stopped)


def test_every_language_found_has_a_name() -> None:
    assert set(PARCEL) <= set(LANGUAGE_NAMES)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=6))
def test_any_text_has_one_answer_and_the_order_of_texts_does_not_matter(texts: list[str]) -> None:
    found = languages(texts)
    assert len(found) == len(texts)
    assert languages(texts[::-1]) == found[::-1]
    assert all((one.code == UNKNOWN) == (one.certainty == 0.0) and 0 <= one.certainty <= 1 for one in found)


@pytest.mark.parametrize(
    ("name", "code", "least", "others"),
    [
        ("formats/alpaca_zh_demo.json", "zh", 0.96, {"en"}),
        ("formats/glaive_toolcall_zh_demo.json", "zh", 0.96, {"en"}),
        ("formats/alpaca_en_demo.json", "en", 0.9, {"es"}),
    ],
)
def test_answers_of_real_files(shared_data: Path, name: str, code: str, least: float, others: set[str]) -> None:
    found = languages(open_dataset(shared_data / name).texts()["answer"])
    counts = Counter(one.code for one in found)
    assert counts[code] >= least * len(found)
    assert set(counts) <= {code, UNKNOWN, *others}
