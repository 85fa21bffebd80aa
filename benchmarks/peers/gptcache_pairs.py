"""Which questions does GPTCache answer from its cache? Runs in GPTCache's own environment, on given vectors.

Every pair's first question is in the cache; a hit counts when the nearest one is the pair's own.
"""

import json
import sys
from pathlib import Path

import numpy as np
from gptcache import Cache
from gptcache.adapter.api import get, put
from gptcache.manager import CacheBase, VectorBase, get_data_manager
from gptcache.processor.pre import get_prompt
from gptcache.similarity_evaluation.distance import SearchDistanceEvaluation


def main() -> None:
    """Read the pairs, fill a cache, ask."""
    folder = Path(sys.argv[1])
    texts = json.loads((folder / "texts.json").read_text())
    pairs = json.loads((folder / "pairs.json").read_text())
    vectors = dict(zip(texts, np.load(folder / "vectors.npy"), strict=True))
    cache = Cache()
    manager = get_data_manager(
        CacheBase("sqlite", sql_url=f"sqlite:///{folder}/cache.db"),
        VectorBase("faiss", dimension=len(next(iter(vectors.values()))), index_path=str(folder / "faiss.index")),
        max_size=100_000,
    )
    cache.init(
        pre_embedding_func=get_prompt,
        embedding_func=lambda prompt, **_: vectors[prompt],
        data_manager=manager,
        similarity_evaluation=SearchDistanceEvaluation(),
    )
    for cached in dict.fromkeys(cached for cached, _ in pairs):
        put(cached, cached, cache_obj=cache)
    found = [get(asked, cache_obj=cache) for _, asked in pairs]
    print(json.dumps([answer == cached for answer, (cached, _) in zip(found, pairs, strict=True)]))


if __name__ == "__main__":
    main()
