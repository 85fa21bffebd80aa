"""Records: short documents that come many at a time, one JSON object a line (NDJSON)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from ryorin.contexts.knowledge.limits import check_id, check_metadata
from ryorin.kernel.codec import from_json
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import PUBLIC
from ryorin.kernel.sharing import check_readers, check_tag

# one transaction and one wait of a worker: more of them only makes others wait longer
MAX_RECORDS = 1000
MAX_RECORDS_BYTES = 16 * 1024 * 1024
MAX_TITLE_CHARACTERS = 500
# how many lines are named when many are wrong
TOLD = 5


@dataclass(frozen=True, slots=True)
class Record:
    """A document of a batch: its id and its text, and what `PutDocument` says of a document.

    None keeps what the document has.
    """

    id: str
    text: str
    media_type: Literal["text/plain", "text/markdown"] = "text/plain"
    title: str | None = None
    metadata: Mapping[str, str] | None = None
    tags: tuple[str, ...] | None = None
    readers: tuple[str, ...] | None = None

    def validate(self) -> None:
        """Raise InvalidInput when it can never be a document."""
        check_id("document", self.id)
        if not self.text.strip():
            raise InvalidInput("its text is empty")
        if any("\ud800" <= character <= "\udfff" for character in self.text + (self.title or "")):
            raise InvalidInput("its text has half a surrogate pair")
        if len(self.title or "") > MAX_TITLE_CHARACTERS:
            raise InvalidInput(f"its title has more than {MAX_TITLE_CHARACTERS} characters")
        check_metadata(self.metadata or {})
        for tag in self.tags or ():
            check_tag(tag)
        check_readers(self.readers or ())
        if PUBLIC in (self.readers or ()):
            raise InvalidInput("documents are made public one by one, by an admin: leave it out of its readers")


_FIELDS = frozenset(field.name for field in fields(Record))


def read_records(content: bytes) -> tuple[Record, ...]:
    """All records of a batch; blank lines are none. Raises InvalidInput naming every line that is wrong."""
    if len(content) > MAX_RECORDS_BYTES:
        raise InvalidInput(f"the records are larger than {MAX_RECORDS_BYTES >> 20} MB; send them in several batches")
    lines = [(number, line) for number, line in enumerate(content.split(b"\n"), start=1) if line.strip()]
    if len(lines) > MAX_RECORDS:
        raise InvalidInput(f"there are {len(lines):,} records; at most {MAX_RECORDS:,} can be sent at once")
    if not lines:
        raise InvalidInput("there are no records: send one JSON object a line, with id and text")
    found: dict[str, Record] = {}
    wrong: list[str] = []
    for number, line in lines:
        try:
            record = _record(line)
            if record.id in found:
                raise InvalidInput(f"the id {record.id[:80]!r} was there before")
            found[record.id] = record
        except InvalidInput as error:
            wrong.append(f"line {number}: {error.detail}")
    if wrong:
        more = f"; and {len(wrong) - TOLD} more" if len(wrong) > TOLD else ""
        raise InvalidInput("; ".join(wrong[:TOLD]) + more)
    return tuple(found.values())


def _record(line: bytes) -> Record:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("it is not JSON in UTF-8") from error
    if not isinstance(data, dict):
        raise InvalidInput("it is not a JSON object")
    if unknown := sorted(data.keys() - _FIELDS):
        raise InvalidInput(f"there is no field {unknown[0][:40]!r}; there are {', '.join(sorted(_FIELDS))}")
    record: Record = from_json(Record, data)
    record.validate()
    return record
