"""Text formats: decoding, and CSV, JSON and JSON Lines in a shape that can be cut into chunks."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator

from charset_normalizer import from_bytes

from ryorin.contexts.knowledge.errors import UnreadableDocument

# tried in order; UTF-16 only with its byte order mark, everything would fit it otherwise
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_JAPANESE = ("cp932", "euc_jp", "iso2022_jp")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
# binary data that happens to decode is full of control characters, text has none
MAX_CONTROL_SHARE = 0.01
MAX_JSON_DEPTH = 100
ROWS_PER_SECTION = 50


def decode(content: bytes, filename: str) -> str:
    """Text of a file in UTF-8, UTF-16 with a mark, or a Japanese or other legacy encoding.

    Raises UnreadableDocument when no encoding makes text of it.
    """
    text = _decoded(content)
    if text is None:
        raise UnreadableDocument(f"{filename}: the text's encoding is not known; save the file as UTF-8")
    if len(_CONTROL.findall(text[:100_000])) > MAX_CONTROL_SHARE * min(len(text), 100_000):
        raise UnreadableDocument(f"{filename}: the content is binary data, not text")
    return text


def _decoded(content: bytes) -> str | None:
    bom = next((encoding for mark, encoding in _BOMS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(bom)
    except UnicodeDecodeError:
        pass  # then it is an older encoding
    for encoding in _JAPANESE:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _looks_japanese(text):
            return text
    best = from_bytes(content[:200_000]).best()
    if best is None:
        return None
    try:
        return content.decode(best.encoding)
    except UnicodeDecodeError:
        return None


def _looks_japanese(text: str) -> bool:
    sample = text[:20_000]
    kana = sum("\u3040" <= character <= "\u30ff" for character in sample)
    return kana > 0.1 * sum(ord(character) > 0x7F for character in sample)  # noqa: PLR2004 - a tenth of the non-ASCII


def storable(text: str) -> str:
    """The text with U+FFFD for what no UTF-8 and no database can hold: lone surrogates and NUL."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\x00", "\ufffd")


def csv_to_markdown(text: str, filename: str, delimiter: str) -> str:
    """Rows as "column: value" lines, one paragraph each, in sections of fifty rows."""
    csv.field_size_limit(1_000_000)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    except csv.Error as error:
        raise UnreadableDocument(f"{filename}: not readable as CSV ({error})") from error
    if len(rows) < 2:  # noqa: PLR2004 - a header and at least one row
        return text
    header, records = rows[0], rows[1:]
    parts = []
    for start in range(0, len(records), ROWS_PER_SECTION):
        section = records[start : start + ROWS_PER_SECTION]
        parts.append(f"## {start + 1}-{start + len(section)}\n")
        parts.extend("\n".join(_fields(header, row)) + "\n" for row in section)
    return "\n".join(parts)


def _fields(header: list[str], row: list[str]) -> Iterator[str]:
    for number, value in enumerate(row):
        if value:
            name = header[number] if number < len(header) and header[number] else f"column {number + 1}"
            yield f"{name}: {value}"


def json_to_markdown(text: str, filename: str) -> str:
    """A JSON value as "path: value" lines; the items of an array are sections."""
    value = _load(text, filename, line=None)
    if isinstance(value, list):
        return "\n".join(_section(number, item) for number, item in enumerate(value, start=1))
    return "\n".join(_lines(value, ""))


def jsonl_to_markdown(text: str, filename: str) -> str:
    """JSON Lines, one section a record; raises UnreadableDocument naming the line that is not JSON."""
    sections = []
    # not splitlines(): JSON strings may hold U+2028 and its like
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            sections.append(_section(number, _load(line, filename, number)))
    return "\n".join(sections)


def _load(text: str, filename: str, line: int | None) -> object:
    where = "" if line is None else f" in line {line}"
    try:
        # numbers stay as they are written: 1.10 is not 1.1, and no count of digits is too many
        return json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise UnreadableDocument(f"{filename}: not valid JSON{where} ({error})") from error
    except RecursionError as error:
        raise UnreadableDocument(f"{filename}: the JSON{where} is nested too deeply") from error


def _section(number: int, value: object) -> str:
    return f"## {number}\n\n" + "\n".join(_lines(value, "")) + "\n"


def _lines(value: object, path: str, depth: int = 0) -> Iterator[str]:
    if depth > MAX_JSON_DEPTH:
        yield f"{path}: ..."
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _lines(item, f"{path}.{name}" if path else str(name), depth + 1)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _lines(item, f"{path}[{number}]", depth + 1)
    elif value is not None:
        said = json.dumps(value) if isinstance(value, bool) else value
        yield f"{path}: {said}" if path else str(said)
