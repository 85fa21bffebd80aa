"""Builds files: which handler answers which message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ryorin.contexts.files import commands, queries
from ryorin.contexts.files.errors import FileNotFound
from ryorin.contexts.files.queries import FileView
from ryorin.contexts.files.read.ports import FileReadModel
from ryorin.contexts.files.read.projections import FilesProjection
from ryorin.contexts.files.write.handlers import ForgetFileHandler, KeepFileHandler
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query

__all__ = ["FilesProjection", "command_handlers", "query_handlers"]


def command_handlers() -> Mapping[type[Command], CommandHandler[Any, Any]]:
    """The write side's dispatch table."""
    return {commands.KeepFile: KeepFileHandler(), commands.ForgetFile: ForgetFileHandler()}


def query_handlers(files: FileReadModel) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
    """The read side's dispatch table."""

    async def get_file(query: queries.GetFile, actor: Actor) -> FileView:
        found = await files.get(actor.org_id, query.file)
        if found is None:
            raise FileNotFound(f"there is no file {query.file!r}")
        return found

    async def list_files(query: queries.ListFiles, actor: Actor) -> tuple[FileView, ...]:
        return tuple(await files.page(actor.org_id, query.purpose, query.after, query.limit))

    return {queries.GetFile: get_file, queries.ListFiles: list_files}
