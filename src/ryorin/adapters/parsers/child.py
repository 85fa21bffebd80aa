"""The child process that opens untrusted files: reads requests on stdin, answers on stdout, dies with its parent."""

from __future__ import annotations

import json
import os
import re
import resource
import struct
import sys
from typing import BinaryIO

HEADER = struct.Struct("!II")
# stands at the begin of an HTML body: what the library writes before it is the head, in broken Markdown
BODY_MARK = b"ryorin-body-begins-here"
_BODY = re.compile(rb"<body\b[^>]*>|</head\s*>", re.IGNORECASE)


def extract(content: bytes, media_type: str) -> dict[str, object]:
    """Text and title of a file, through kreuzberg, as Markdown."""
    import kreuzberg  # noqa: PLC0415 - only this process loads the native parsers

    config = kreuzberg.ExtractionConfig(output_format="markdown", use_cache=False)
    if media_type == "text/html":
        content = _BODY.sub(lambda found: found.group() + b"<p>" + BODY_MARK + b"</p>", content)
    result = kreuzberg.extract_bytes_sync(content, media_type, config)
    text = result.content.rpartition(BODY_MARK.decode())[2].lstrip()
    return {"text": text, "title": result.metadata.get("title")}


def answer(request: bytes, content: bytes) -> bytes:
    """One answer as JSON: a text, or why there is none."""
    media_type = json.loads(request)["media_type"]
    try:
        return json.dumps(extract(content, media_type)).encode("utf-8", "surrogatepass")
    except MemoryError:
        return json.dumps({"error": "it needs too much memory"}).encode()
    except Exception as error:  # whatever a parser throws is the file's fault, and told to the parent
        return json.dumps({"error": (str(error) or type(error).__name__).splitlines()[0][:300]}).encode()


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the parent closes the pipe."""
    while header := requests.read(HEADER.size):
        request_bytes, content_bytes = HEADER.unpack(header)
        body = answer(requests.read(request_bytes), requests.read(content_bytes))
        answers.write(struct.pack("!I", len(body)) + body)
        answers.flush()


def main() -> None:
    """Limit memory, keep stray prints of native code out of the answers, and serve."""
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
