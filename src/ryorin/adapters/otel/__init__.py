"""Traces and logs through OpenTelemetry and structlog."""
