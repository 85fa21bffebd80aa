"""Looks for secrets in every tracked file (detect-secrets); exit code 1 when one is not known to be harmless.

`--accept` takes what is there now for harmless: names of things, keys that tests made up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.settings import default_settings

ROOT = Path(__file__).parent.parent
HARMLESS = ROOT / "scripts" / "harmless.json"
# hashes of packages, and this list
SKIPPED = {"requirements.lock", "scripts/harmless.json"}


def found() -> dict[str, list[tuple[int, str, str]]]:
    """By file: line, kind and hash of what looks like a secret."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    secrets = SecretsCollection(root=str(ROOT))
    with default_settings():
        for name in listed.splitlines():
            if name not in SKIPPED and (ROOT / name).is_file():
                secrets.scan_file(name)
    by_file: dict[str, list[tuple[int, str, str]]] = {}
    for name, secret in secrets:
        by_file.setdefault(name, []).append((secret.line_number, secret.type, secret.secret_hash))
    return by_file


def main() -> int:
    """Scan; lines may move, so what is harmless is known by file and hash."""
    if not (ROOT / ".git").exists():
        print("secrets: this is no git checkout; what is tracked cannot be told", file=sys.stderr)
        return 0
    by_file = found()
    if "--accept" in sys.argv[1:]:
        accepted = {name: sorted({digest for _, _, digest in seen}) for name, seen in sorted(by_file.items())}
        HARMLESS.write_text(json.dumps(accepted, indent=1) + "\n")
        return 0
    harmless = json.loads(HARMLESS.read_text())
    new = [
        f"{name}:{line}: {kind}"
        for name, seen in sorted(by_file.items())
        for line, kind, digest in sorted(seen)
        if digest not in harmless.get(name, ())
    ]
    for one in new:
        print(one, file=sys.stderr)
    if new:
        print("secrets: take them out; what only looks like one: `scripts/find_secrets.py --accept`", file=sys.stderr)
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main())
