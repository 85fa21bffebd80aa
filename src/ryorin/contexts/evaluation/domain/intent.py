"""What a prompt requires, as far as it can be read without a model: format, length, language, terms, tone, conduct.

Requirements of two texts are the same when they are of one kind and ask for the same, or say the same (`statements`).
Japanese and English (ADR-0032).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ryorin.contexts.evaluation.domain.statements import (
    LANGUAGES,
    NUMERALS,
    QUOTED,
    VERBS,
    Meaning,
    is_bare,
    key,
    nearest,
    negative,
    said,
    sentences,
    statements,
    weak,
)
from ryorin.contexts.evaluation.domain.style import language_of
from ryorin.contexts.evaluation.specs import Requirement, RequirementKind

# of an answer is looked at for the signs of a format
MAX_SEEN = 5_000

NUMBERS: Mapping[str, int] = {**NUMERALS, "a": 1, "single": 1}
UNITS: Mapping[str, str] = {
    "word": "words",
    "語": "words",
    "単語": "words",
    "sentence": "sentences",
    "文": "sentences",
    "character": "characters",
    "文字": "characters",
    "字": "characters",
    "paragraph": "paragraphs",
    "段落": "paragraphs",
    "bullet": "bullets",
    "point": "bullets",
    "item": "bullets",
    "項目": "bullets",
    "点": "bullets",
    "行": "lines",
    "line": "lines",
}
_NUMBER = r"(?P<number>\d+|one|two|three|four|five|six|seven|eight|nine|ten|a|single|[一二三四五六七八九十])"
_UNIT_EN = r"(?P<unit>word|sentence|character|paragraph|bullet|point|item|line)s?"
_UNIT_JA = r"(?P<unit>文字|単語|段落|項目|語|文|字|点|行)"
MOST = (
    re.compile(
        rf"\b(?:at most|no more than|not more than|up to|within|under|fewer than|less than|maximum of|max(?:imum)?\.?|"
        rf"limit\w* (?:\w+ ){{0,3}}to|not exceed|below)\s+{_NUMBER}\s+(?:\w+ )?{_UNIT_EN}\b",
        re.I,
    ),
    re.compile(
        rf"\b(?:in|as|with|using|only)\s+(?:exactly |only |just )?{_NUMBER}\s+(?:short |simple |brief )?{_UNIT_EN}\b",
        re.I,
    ),
    re.compile(rf"\b{_NUMBER}[- ](?:\w+ )?{_UNIT_EN}\s+(?:or (?:less|fewer)|maximum|max|at most|limit)\b", re.I),
    re.compile(rf"{_NUMBER}\s*{_UNIT_JA}(?:以内|まで|以下|未満|で|を超えない)"),
)
LEAST = (
    re.compile(
        rf"\b(?:at least|no fewer than|no less than|minimum of|(?<!no )(?<!not )more than|over)\s+{_NUMBER}\s+"
        rf"{_UNIT_EN}\b",
        re.I,
    ),
    re.compile(rf"{_NUMBER}\s*{_UNIT_JA}(?:以上|より多)"),
)
IN_LANGUAGE = re.compile(
    r"\b(?:in|use|using|into)\s+(?:\w+ ){0,1}(?P<en>english|japanese|french|german|spanish|chinese|korean)\b|"
    r"(?P<ja>英語|日本語|フランス語|ドイツ語|スペイン語|中国語|韓国語)(?:で|に|のみ|を使)",
    re.I,
)
FORMATS: Mapping[str, re.Pattern[str]] = {
    "json": re.compile(r"\bjson\b(?! schema)|JSON", re.I),
    "bullets": re.compile(r"\bbullet(?:ed|s)?\b(?: points?| list)?|箇条書き", re.I),
    "table": re.compile(r"\btable\b|表形式|表に|表で", re.I),
    "markdown": re.compile(r"\bmarkdown\b|マークダウン", re.I),
    "plain": re.compile(r"\bplain text\b|プレーンテキスト|平文", re.I),
    "xml": re.compile(r"\bxml\b", re.I),
    "csv": re.compile(r"\bcsv\b", re.I),
}
TONES: Mapping[str, re.Pattern[str]] = {
    "polite": re.compile(r"\bpolite(?:ly)?\b|\bcourteous\w*\b|敬語|丁寧|です・?ます", re.I),
    "formal": re.compile(r"\bformal(?:ly)?\b|\bprofessional(?:ly)?\b|フォーマル|改まった|ビジネス文", re.I),
    "friendly": re.compile(r"\bfriendly\b|\bwarm(?:ly)?\b|\bcheerful\b|親しみ|フレンドリー|気さく", re.I),
    "plain": re.compile(
        r"\b(?:simple|plain) (?:language|words|english)\b|やさしい(?:言葉|日本語)|平易|"
        r"専門用語を(?:避|使わ)|分かりやすい言葉",
        re.I,
    ),
    "neutral": re.compile(r"\bneutral\b|\bimpartial\b|中立|客観", re.I),
}
MUST = re.compile(
    rf"\b(?:always|must|should|make sure|need to|have to|only|{VERBS})\b|(?:て|で)ください|しなさい|こと[。]?$|"
    r"必ず|必要|[うくぐすつぬぶむる][。]?$|ます[。]?$|せよ",
    re.I,
)
ROLE = re.compile(r"^(?:you are|you're) (?:an? |the |our |[A-Z])|^act as\b|^あなたは.*(?:です|だ|である)[。]?$", re.I)
CITES = re.compile(
    r"\b(?:cite|citations?|quote the source|name the source|sources? (?:of|for|in)|references?)\b|出典|引用元|出所",
    re.I,
)
UNSURE = re.compile(
    r"\bif you (?:do not|don't|cannot|can't|are not|aren't)\s+(?:know|sure|find|certain|answer)|"
    r"\bnot (?:sure|certain)\b|\bunsure\b|\bwhen in doubt\b|"
    r"(?:分から|わから|不明|見つから|確か)(?:ない|でない|な)(?:場合|とき|時|点)|分からなければ|不明な場合|不明点",
    re.I,
)
STARTS = re.compile(
    rf"\b(?:start|begin|open)\w*\s+(?:\w+ ){{0,4}}with\s+{QUOTED.pattern}|{QUOTED.pattern}(?:で|から)(?:始|はじ)", re.I
)
ENDS = re.compile(
    rf"\b(?:end|close|finish|sign)\w*\s+(?:\w+ ){{0,4}}with\s+{QUOTED.pattern}|"
    rf"(?:最後|末尾|文末)(?:に|は|を)?[^「『]{{0,10}}{QUOTED.pattern}",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text requires, and all that it says, in order and as what is there."""

    requirements: Sequence[Requirement]
    said: Sequence[str]
    there: frozenset[str]


def read(text: str) -> Reading:
    """A text as it is compared with others."""
    found = said(text)
    return Reading(requirements(text), found, frozenset(found))


def requirements(text: str) -> list[Requirement]:
    """What a text requires, each once, in its order; a `fact` requires nothing, but may be missed."""
    found: dict[tuple[str, str], Requirement] = {}
    for sentence in sentences(text):
        for statement in statements(sentence):
            for requirement in _of(statement):
                found.setdefault((requirement.kind, requirement.wants), requirement)
    return list(found.values())


def counterpart(wanted: Requirement, within: Reading, meaning: Meaning) -> Requirement | None:
    """What asks a text for the same: a requirement of the same kind, or one in other words."""
    if wanted.text in within.there:
        return _standing(wanted.text, within.requirements) or wanted
    found, kept = nearest(wanted.text, within.said, meaning)
    for one in within.requirements:
        same = (one.kind, one.wants) == (wanted.kind, wanted.wants)
        # a statement that asks for more than its kind says has to be there as a whole
        if same and (found or is_bare(wanted.text)) and not (weak(one.text) and not weak(wanted.text)):
            return one
    if found is None or not kept:
        return None
    return _standing(found, within.requirements) or Requirement(wanted.kind, wanted.wants, found)


def replacement(
    wanted: Requirement, among: Sequence[Requirement], within: Reading, meaning: Meaning
) -> Requirement | None:
    """Which of some requirements of a text asks for something else instead: a limit of the same unit, another language
    or number, the same less firmly.
    """
    if wanted.kind in ("most", "least"):
        unit = wanted.wants.partition(":")[0]
        other = next((one for one in among if one.kind == wanted.kind and one.wants.startswith(f"{unit}:")), None)
    else:
        sorts = wanted.kind in ("language", "starts", "ends")
        other = next((one for one in among if sorts and one.kind == wanted.kind), None)
    if other is not None:
        return other
    found, _ = nearest(wanted.text, within.said, meaning)
    return None if found is None else _standing(found, among) or _standing(found, within.requirements)


def _standing(found: str, among: Sequence[Requirement]) -> Requirement | None:
    """The requirement that stands where something is said."""
    own = next((one for one in among if one.text == found), None)
    return own or next((one for one in among if one.text in found or found in one.text), None)


def fulfilled(wanted: Requirement, answer: str) -> bool | None:
    """Whether an answer does what is required; None: that cannot be told without a model."""
    check = _CHECKS.get(wanted.kind)
    return None if check is None else check(wanted.wants, answer)


def _of(statement: str) -> Iterator[Requirement]:
    text = unicodedata.normalize("NFKC", statement)
    forbids = negative(text)
    known = [*_lengths(text), *_terms(text, forbids)]
    if not forbids:
        known += [("format", name) for name, one in FORMATS.items() if one.search(text) and MUST.search(text)]
    known += [("tone", name) for name, one in TONES.items() if one.search(text) and (not forbids or name == "plain")]
    spoken = IN_LANGUAGE.search(text)
    if spoken and not forbids:
        known.append(("language", LANGUAGES[(spoken["en"] or spoken["ja"]).lower()]))
    if CITES.search(text) and not forbids:
        known.append(("citations", "sources"))
    if UNSURE.search(text):
        known.append(("unsure", "says so"))
    for kind, wants in known:
        yield Requirement(kind, wants, statement)
    if not known:
        yield Requirement(_sort(text, forbids), key(text), statement)


def _sort(text: str, forbids: bool) -> RequirementKind:
    if ROLE.search(text):
        return "fact"
    return "forbidden" if forbids else "conduct" if MUST.search(text) else "fact"


def _lengths(text: str) -> Iterator[tuple[RequirementKind, str]]:
    sorts: tuple[tuple[RequirementKind, Sequence[re.Pattern[str]]], ...] = (("least", LEAST), ("most", MOST))
    for kind, patterns in sorts:
        for pattern in patterns:
            found = pattern.search(text)
            if found is None:
                continue
            number = NUMBERS.get(found["number"].lower()) or int(found["number"]) if found["number"] else 0
            yield kind, f"{UNITS[found['unit'].lower()]}:{number}"
            break


def _terms(text: str, negative: bool) -> Iterator[tuple[RequirementKind, str]]:
    for kind, pattern in (("starts", STARTS), ("ends", ENDS)):
        found = pattern.search(text)
        if found:
            term = next((value for value in found.groups() if value), "")
            yield ("starts" if kind == "starts" else "ends"), term
            return
    for found in QUOTED.finditer(text):
        yield ("forbidden_term" if negative else "required_term"), found[1].strip()


def _counted(unit: str, answer: str) -> int:
    text = answer.strip()
    counts: Mapping[str, Callable[[], int]] = {
        "words": lambda: len(text.split()),
        "characters": lambda: len("".join(text.split())),
        "sentences": lambda: len([one for one in re.split(r"[。！？!?]+|\.(?:\s|$)", text) if one.strip()]),
        "paragraphs": lambda: len([one for one in re.split(r"\n\s*\n", text) if one.strip()]),
        "bullets": lambda: len(re.findall(r"^\s*(?:[-*・•]|\d+[.)．])", text, re.M)),
        "lines": lambda: len([one for one in text.splitlines() if one.strip()]),
    }
    return counts[unit]()


def _within(wants: str, answer: str) -> bool:
    unit, _, number = wants.partition(":")
    return _counted(unit, answer) <= int(number)


def _enough(wants: str, answer: str) -> bool:
    unit, _, number = wants.partition(":")
    return _counted(unit, answer) >= int(number)


def _formed(wants: str, answer: str) -> bool:
    if wants == "json":
        bare = re.sub(r"\A\s*```(?:json)?\s*\n|\n?\s*```\s*\Z", "", answer)
        try:
            json.loads(bare)
        except ValueError:
            return False
        return True
    shapes = {
        "bullets": r"^\s*[-*・•]\s?\S",
        "table": r"^\s*\|.*\|",
        "markdown": r"^#|\*\*|^\s*[-*] |`|\[.+\]\(",
        "xml": r"<(\w+)[^>]*>.*</\1>",
        "csv": r"^[^,\n]+(?:,[^,\n]*)+$",
    }
    if wants == "plain":
        return re.search(shapes["markdown"], answer[:MAX_SEEN], re.M) is None
    return re.search(shapes[wants], answer[:MAX_SEEN], re.M | re.S) is not None


def _spoken(wants: str, answer: str) -> bool | None:
    return language_of(answer) == wants if wants in ("ja", "en") else None


def _has(wants: str, answer: str) -> bool:
    return unicodedata.normalize("NFKC", wants).casefold() in unicodedata.normalize("NFKC", answer).casefold()


_CHECKS: Mapping[str, Callable[[str, str], bool | None]] = {
    "most": _within,
    "least": _enough,
    "format": _formed,
    "language": _spoken,
    "required_term": _has,
    "forbidden_term": lambda wants, answer: not _has(wants, answer),
    "starts": lambda wants, answer: answer.strip().casefold().startswith(wants.casefold()),
    "ends": lambda wants, answer: answer.strip().rstrip("。.").casefold().endswith(wants.rstrip("。.").casefold()),
}
