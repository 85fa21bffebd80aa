"""Sends spans to collectors by OTLP over HTTP, as OpenTelemetry's environment variables and Langfuse's keys say."""

from __future__ import annotations

import base64
import os

from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

import ryorin

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def langfuse_exporter(host: str, public_key: str, secret_key: str) -> SpanExporter:
    """To Langfuse's OTLP endpoint (langfuse.com/integrations/native/opentelemetry)."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - see below

    credential = base64.b64encode(f"{public_key}:{secret_key}".encode()).decode()
    return OTLPSpanExporter(
        endpoint=f"{host.rstrip('/')}/api/public/otel/v1/traces",
        headers={"authorization": f"Basic {credential}", "x-langfuse-ingestion-version": "4"},
    )


def tracer_provider(*exporters: SpanExporter) -> TracerProvider | None:
    """Who makes spans and sends them to the collector of OTEL_EXPORTER_OTLP_ENDPOINT and to the given ones.

    None: nobody wants them. The samplers, limits and resource attributes are those of the environment (OTEL_*).
    """
    wanted = list(exporters)
    if any(os.environ.get(name) for name in ENDPOINTS):
        # most servers send nothing, and urllib3 takes its time
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        wanted.append(OTLPSpanExporter())
    if not wanted or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    known = {SERVICE_VERSION: ryorin.__version__}
    if "OTEL_SERVICE_NAME" not in os.environ:
        known[SERVICE_NAME] = "ryorin"
    provider = TracerProvider(resource=Resource.create(known), shutdown_on_exit=False)
    for exporter in wanted:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
