"""Makes files that are broken or hostile, with what the error must say of each, and hostile ones that are valid."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

MEGABYTE = 1024 * 1024
DOCX_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    'wordprocessingml.document.main+xml"/></Types>'
)
DOCX_RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"'
    ' Target="word/document.xml"/></Relationships>'
)
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


@dataclass(frozen=True)
class Malformed:
    """A file, and a fragment of the reason that must be given."""

    name: str
    content: bytes
    reason: str


def archive(entries: dict[str, bytes | str]) -> bytes:
    """A ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return buffer.getvalue()


def docx(body: str, **more: bytes | str) -> bytes:
    """A Word document with a body of raw XML."""
    document = f'<?xml version="1.0"?><w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    return archive(
        {"[Content_Types].xml": DOCX_TYPES, "_rels/.rels": DOCX_RELATIONS, "word/document.xml": document, **more}
    )


def paragraph(text: str) -> str:
    """A paragraph of a Word document."""
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def encrypted_archive() -> bytes:
    """A ZIP archive whose entries say that they are encrypted."""
    content = bytearray(docx(paragraph("secret")))
    for marker, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(marker)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(marker, at + 4)
    return bytes(content)


def malformed_files() -> list[Malformed]:
    """More than twenty files that must fail, each for its own reason."""
    pdf = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type"
    whole = docx(paragraph("text"))
    bomb = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
        f"<!ENTITY {chr(98 + n)} '{('&' + chr(97 + n) + ';') * 10}'>" for n in range(9)
    )
    return [
        Malformed("truncated.pdf", pdf, "could not be read"),
        Malformed("encrypted.pdf", pdf + b" /Encrypt 5 0 R", "encrypted"),
        Malformed("picture.pdf", b"\x89PNG\r\n\x1a\n" + bytes(64), "a PNG picture"),
        Malformed("text.pdf", b"just some text", "no PDF"),
        Malformed("empty.md", b" \n\t\n", "no text"),
        Malformed("bomb.docx", docx(paragraph("x"), **{"word/bomb.xml": bytes(300 * MEGABYTE)}), "zip bomb"),
        Malformed("not-a-zip.docx", b"hello", "not a DOCX"),
        Malformed("truncated.docx", whole[: len(whole) // 2], "damaged"),
        Malformed("password.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "encrypted"),
        Malformed("encrypted-entries.docx", encrypted_archive(), "encrypted"),
        Malformed("no-document.docx", archive({"x.txt": "x"}), "could not be read"),
        Malformed("empty-body.docx", docx(""), "no text"),
        Malformed("traversal.xlsx", archive({"../../etc/passwd": "x"}), "outside of itself"),
        Malformed("broken-sheet.xlsx", archive({"xl/workbook.xml": "<broken"}), "could not be read"),
        Malformed("truncated.pptx", archive({"ppt/presentation.xml": "<p"})[:40], "damaged"),
        Malformed("no-content.epub", archive({"mimetype": "application/epub+zip"}), "could not be read"),
        Malformed("many.epub", archive({f"f{n}": "" for n in range(10_001)}), "10001 entries"),
        Malformed("truncated.json", b'{"a": [1, 2', "not valid JSON"),
        Malformed("deep.json", b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        Malformed("one-line.jsonl", b'{"a": 1}\n{"b":\n{"c": 3}', "line 2"),
        Malformed("binary.txt", bytes(range(256)) * 40, "not known"),
        Malformed("nul.txt", b"\x00\x01\x02\x03" * 100, "binary data"),
        Malformed("program.md", b"\x7fELF" + bytes(100), "a program"),
        Malformed("photo.png", b"\x89PNG\r\n\x1a\n", "not supported"),
        Malformed("entities.html", (bomb + "]><html><script>x()</script></html>").encode(), "no text"),
        Malformed("huge.txt", b"a" * (51 * MEGABYTE), "51 MB"),
    ]


def hostile_but_valid() -> dict[str, tuple[bytes, str, str]]:
    """Files that must be read: content, text that must be there, text that must not."""
    page = "<html><head><title>T</title><script>alert('pwned')</script><style>p{}</style></head><body>"
    page += "<p>Safe text.</p></body></html>"
    return {
        "script.html": (page.encode(), "Safe text.", "pwned"),
        "head.html": (
            b'<HTML><head><meta name="description" content="unseen"><title>T</title></HEAD><body class="a">'
            b"<h1>Seen</h1><p>Body text.</p></body></html>",
            "# Seen\n\nBody text.",
            "unseen",
        ),
        "macro.docx": (
            docx(paragraph("Visible words."), **{"word/vbaProject.bin": b"Sub AutoOpen() pwned"}),
            "Visible words.",
            "pwned",
        ),
        "sjis.txt": ("これは古い符号化の文書です。\n".encode("cp932") * 5, "古い符号化", "\ufffd"),
        "surrogate.json": (
            b'{"a": "Words \\ud800 \\u0000 end", "n": ' + b"9" * 5000 + b"}",
            "n: " + "9" * 5000,
            "\x00",
        ),
        "utf16.txt": ("UTF-16 の文書です。".encode("utf-16"), "UTF-16 の文書です。", "\ufffd"),
    }


def sample_files() -> dict[str, bytes]:
    """A small valid file in each format, in Japanese and English."""
    both = "The heron lives at the lake. サギは湖に住んでいます。"
    return {
        "a.md": f"# Heron\n\n{both}\n".encode(),
        "a.txt": both.encode(),
        "a.html": f"<html><body><h1>Heron</h1><p>{both}</p></body></html>".encode(),
        "a.csv": f"name,text\nheron,{both}\n".encode(),
        "a.tsv": f"name\ttext\nheron\t{both}\n".encode(),
        "a.json": json.dumps({"heron": both}, ensure_ascii=False).encode(),
        "a.jsonl": (json.dumps({"heron": both}) + "\n").encode(),
        "a.docx": docx(paragraph(both)),
        "a.pptx": _made_by(_pptx, both),
        "a.xlsx": _made_by(_xlsx, both),
        "a.epub": _epub(both),
        "a.pdf": _pdf(both),
    }


def _pdf(text: str) -> bytes:
    """One page, a line a sentence, in a font that the reader is to have."""
    lines = "".join(
        f"<{line.encode('utf-16-be').hex()}> Tj 0 -20 Td " for line in text.replace(". ", ".\n").splitlines()
    )
    stream = f"BT /F 12 Tf 40 700 Td {lines} ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type0 /BaseFont /Ryumin /Encoding /UniJIS-UTF16-H /DescendantFonts [6 0 R] >>",
        "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /Ryumin /FontDescriptor 7 0 R"
        " /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 6 >> >>",
        "<< /Type /FontDescriptor /FontName /Ryumin /Flags 4 /FontBBox [0 -200 1000 900] /ItalicAngle 0"
        " /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>",
    ]
    body, offsets = "%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    trailer = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return f"{body}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode()


def _made_by(write: Callable[[io.BytesIO, str], None], text: str) -> bytes:
    buffer = io.BytesIO()
    write(buffer, text)
    return buffer.getvalue()


def _pptx(target: io.BytesIO, text: str) -> None:
    from pptx import Presentation

    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Heron"
    slide.placeholders[1].text = text
    presentation.save(target)


def _xlsx(target: io.BytesIO, text: str) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["name", "text"])
    book.active.append(["heron", text])
    book.save(target)


def _epub(text: str) -> bytes:
    container = (
        '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
        '<rootfiles><rootfile full-path="c.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    package = (
        '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="i">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="i">i</dc:identifier>'
        "<dc:title>Heron</dc:title><dc:language>en</dc:language></metadata>"
        '<manifest><item id="c" href="c.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="c"/></spine></package>'
    )
    page = (
        f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Heron</title></head><body><p>{text}</p></body></html>'
    )
    return archive(
        {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "c.opf": package, "c.xhtml": page}
    )
