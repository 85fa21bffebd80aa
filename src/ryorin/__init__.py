"""Ryorin: a self-hosted server for LLM applications whose answers follow the documents."""

import os

# read when numpy is first imported. With more, the threads of a matrix product wait in loops for the next one: while
# changes were compared with cached answers, reads had a p99 of 3.9 ms instead of .5 on two cores, and the comparison
# took half as long again (`make bench-freshness-cost`). Embeddings and models have threads of their own
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
