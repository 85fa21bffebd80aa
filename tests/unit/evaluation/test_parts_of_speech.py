"""Parts of speech of Japanese and English, by the dictionaries that come with the package."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from ryorin.adapters.taggers.parts_of_speech import PartsOfSpeech

TAGGER = PartsOfSpeech()


def test_english_by_the_treebank() -> None:
    said = TAGGER.tags("She doesn't know where the old books are. They’re lost!", "en")

    assert " ".join(said) == "^ PRP VBZ RB VB WRB DT JJ NNS VBP . ^ PRP VBP VBD ."


def test_japanese_by_unidic_with_forms() -> None:
    said = TAGGER.tags("図書館は月曜に休みます。疲れたようだ", "ja")

    library = "名詞-普通名詞 接尾辞-名詞的 助詞-係助詞"
    closes = "名詞-普通名詞 助詞-格助詞 動詞-一般-連用形 助動詞-終止形 補助記号-句点"
    tired = "動詞-一般-連用形 助動詞-連体形 形状詞-助動詞語幹 助動詞-終止形"
    assert " ".join(said) == f"^ {library} {closes} ^ {tired}"


def test_what_is_long_and_what_is_no_text() -> None:
    assert len(TAGGER.tags("今日は晴れ、" * 10_000, "ja")) > 30_000
    assert TAGGER.tags("\ud800", "en") == ("^", ".")
    assert TAGGER.tags(" \n", "ja") == TAGGER.tags("", "en") == ()


def test_by_many_at_once() -> None:
    texts = [f"図書館は{number}時に開きます。" for number in range(200)]
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda text: TAGGER.tags(text, "ja")[-3:], texts))
    assert found == {("動詞-一般-連用形", "助動詞-終止形", "補助記号-句点")}


@given(st.text(alphabet=st.characters(), max_size=200))
def test_of_any_text(text: str) -> None:
    for language in ("en", "ja"):
        tags = TAGGER.tags(text, language)  # type: ignore[arg-type]  # both are languages
        assert all(tags) and (not tags or tags[0] == "^")
