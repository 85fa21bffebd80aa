"""Builds prompts: which handler answers which message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ryorin.contexts.prompts import commands, queries
from ryorin.contexts.prompts.domain.texts import PromptTexts
from ryorin.contexts.prompts.ports import Comparisons, Prompts, TemplateEngine
from ryorin.contexts.prompts.read.projections import PromptsProjection
from ryorin.contexts.prompts.read.prompt_queries import PromptQueries
from ryorin.contexts.prompts.write.handlers import (
    CreatePromptVersionHandler,
    DescribePromptHandler,
    GatePromptLabelHandler,
    MovePromptLabelHandler,
    ProtectPromptLabelHandler,
    RemovePromptHandler,
    RemovePromptLabelHandler,
    SharePromptHandler,
)
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query
from ryorin.kernel.ports import EventStore

__all__ = ["PromptsProjection", "command_handlers", "query_handlers"]


def command_handlers(
    templates: TemplateEngine, events: EventStore, comparisons: Comparisons
) -> Mapping[type[Command], CommandHandler[Any, Any]]:
    """The write side's dispatch table."""
    return {
        commands.CreatePromptVersion: CreatePromptVersionHandler(PromptTexts(templates)),
        commands.MovePromptLabel: MovePromptLabelHandler(events, comparisons),
        commands.RemovePromptLabel: RemovePromptLabelHandler(),
        commands.RemovePrompt: RemovePromptHandler(),
        commands.DescribePrompt: DescribePromptHandler(),
        commands.SharePrompt: SharePromptHandler(),
        commands.ProtectPromptLabel: ProtectPromptLabelHandler(),
        commands.GatePromptLabel: GatePromptLabelHandler(),
    }


def query_handlers(
    prompts: Prompts, templates: TemplateEngine
) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
    """The read side's dispatch table."""
    handlers = PromptQueries(prompts, PromptTexts(templates))
    return {
        queries.ListPrompts: handlers.listed,
        queries.GetPrompt: handlers.one,
        queries.ListPromptVersions: handlers.versions,
        queries.ListVersionsOf: handlers.versions_of,
        queries.RenderPrompt: handlers.rendered,
        queries.ResolvePrompt: handlers.resolved,
        queries.DiffPromptVersions: handlers.diff,
    }
