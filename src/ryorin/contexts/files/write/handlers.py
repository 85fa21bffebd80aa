"""Use cases of files."""

from __future__ import annotations

from ryorin.contexts.files.commands import FileChanged, ForgetFile, KeepFile
from ryorin.contexts.files.domain.kept_file import KeptFile
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork


class KeepFileHandler(CommandHandler[KeepFile, None]):
    """Keeps a file."""

    async def decide(self, command: KeepFile, prepared: None, run: Run, work: UnitOfWork) -> FileChanged:
        file = await work.load(KeptFile(run.actor.org_id, command.file))
        file.keep(command)
        await work.save(file)
        return FileChanged(command.file)


class ForgetFileHandler(CommandHandler[ForgetFile, None]):
    """Forgets a file."""

    async def decide(self, command: ForgetFile, prepared: None, run: Run, work: UnitOfWork) -> FileChanged:
        file = await work.load(KeptFile(run.actor.org_id, command.file))
        file.forget()
        await work.save(file)
        return FileChanged(command.file)
