"""Metrics of DeepEval, Ragas and TruLens, judged by models that Ryorin serves."""
