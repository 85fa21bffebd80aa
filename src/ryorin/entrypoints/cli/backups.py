"""`ryorin backup` and `ryorin restore`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ryorin.entrypoints.cli.session import Session, print_json
from ryorin.entrypoints.services import BackupReport

Work = Callable[[Path], BackupReport]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
MEGABYTE = 1024 * 1024


def add(cli: typer.Typer, session: Session, back_up: Work, restore: Work) -> None:
    """Add both."""

    def told(report: BackupReport, done: str, json: bool) -> None:
        if json:
            print_json(report)
            return
        session.out.print(
            f"{done} {report.folder}: {report.events:,} events up to {report.position} and {report.files:,} files,"
            f" {report.size_bytes / MEGABYTE:,.0f} MB, in {report.seconds:.1f} s",
            soft_wrap=True,
            markup=False,
        )

    @cli.command("backup")
    def backup_command(
        folder: Annotated[Path, typer.Argument(help="A new folder for it.")], json: AsJson = False
    ) -> None:
        """Back everything up while servers run: what was committed before it ends is in it."""
        told(back_up(folder), "backed up to", json)

    @cli.command("restore")
    def restore_command(
        folder: Annotated[Path, typer.Argument(help="What `ryorin backup` wrote.")], json: AsJson = False
    ) -> None:
        """Restore a backup into a data folder without a database (RYORIN_DATA_DIR), and verify it."""
        told(restore(folder), "restored to", json)
