"""The console script: the command line on real services.

What serves is imported when it is needed: help and mistakes are answered in one second instead of four.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ryorin.adapters.otel.logs import configure_logging
from ryorin.bootstrap.backups import back_up, restore
from ryorin.bootstrap.settings import Settings
from ryorin.contexts.identity.module import LOCAL_ADMINISTRATOR
from ryorin.entrypoints.cli.main import build_cli, run
from ryorin.entrypoints.cli.session import Session
from ryorin.entrypoints.problems import MISTAKE
from ryorin.entrypoints.services import BackupReport, Services


def _settings(**overrides: Any) -> Settings:
    """Settings from the environment; a wrong one ends the program with one line about it."""
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = "RYORIN_" + "__".join(str(part).upper() for part in first["loc"])
        print(f"ryorin: {name}: {first['msg']}", file=sys.stderr)  # noqa: T201 - nothing else is set up yet
        sys.exit(MISTAKE)


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Imports throw nothing away, and looking for it again and again is a third of their time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@asynccontextmanager
async def _open_services(roles: frozenset[str]) -> AsyncIterator[Services]:
    with _no_garbage():
        from ryorin.bootstrap.app import Role, open_app  # noqa: PLC0415 - two seconds

    settings = _settings()
    configure_logging("warning")
    async with open_app(settings, frozenset(Role(role) for role in roles)) as app:
        yield app.services


def _serve(host: str | None, port: int | None, roles: str) -> None:
    with _no_garbage():
        from ryorin.bootstrap.serve import parse_roles, serve  # noqa: PLC0415 - three seconds

    serve(_settings(host=host, port=port), parse_roles(roles))


def _back_up(folder: Path) -> BackupReport:
    return back_up(_settings(), folder)


def _restore(folder: Path) -> BackupReport:
    return restore(_settings(), folder)


def main() -> None:
    """Run `ryorin`; a mistake in the arguments is one line and exit code 2."""
    session = Session(_open_services, LOCAL_ADMINISTRATOR)
    run(build_cli(session, _serve, (_back_up, _restore)))


if __name__ == "__main__":
    main()
