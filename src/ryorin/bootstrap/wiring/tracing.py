"""Chooses where spans go."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace import Tracer

from ryorin.adapters.otel.exporting import langfuse_exporter, tracer_provider
from ryorin.adapters.otel.langfuse_scores import LangfuseScores
from ryorin.bootstrap.settings import Settings


def tracer(settings: Settings, stack: AsyncExitStack) -> Tracer | None:
    """Who makes spans; None when nobody wants them. The stack sends what is left."""
    langfuse = settings.langfuse
    exporters = list[SpanExporter]()
    if langfuse.public_key is not None and langfuse.secret_key is not None:
        secret = langfuse.secret_key.get_secret_value()
        exporters.append(langfuse_exporter(langfuse.host, langfuse.public_key, secret))
        exporters.append(LangfuseScores(langfuse.host, langfuse.public_key, secret))
    provider = tracer_provider(*exporters)
    if provider is None:
        return None
    stack.push_async_callback(asyncio.to_thread, provider.shutdown)
    return provider.get_tracer("ryorin")
