"""Asks PyPI's advisories about every locked package; exit code 1 when one has a known hole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parent.parent / "requirements.lock"
SECONDS = 300


def main() -> int:
    """Print what was found, and what could not be looked up."""
    tool = Path(sys.executable).parent / "pip-audit"
    command = [str(tool), "--requirement", str(LOCK), "--disable-pip", "--require-hashes", "--format", "json"]
    try:
        finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
        packages = json.loads(finished.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        print("audit: the advisories cannot be reached from here; nothing was looked up", file=sys.stderr)
        return 0
    found = [(package, hole) for package in packages for hole in package.get("vulns", ())]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    for package, hole in found:
        mended = ", ".join(hole["fix_versions"]) or "no version"
        print(f"{package['name']} {package['version']}: {hole['id']}, mended in {mended}", file=sys.stderr)
    told = f"{len(packages) - len(unknown)} of {len(packages)} packages looked up, {len(found)} known holes"
    print(f"audit: {told}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
