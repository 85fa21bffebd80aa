"""The one place that knows everything: settings, wiring, processes."""
