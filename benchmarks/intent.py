"""Are the requirements that an edit of a prompt loses found, and none that it keeps called lost?

Prompts in two languages, made for this (`intent_prompts.yaml`); no model is asked. `found` of the `planted` losses are
told, `false_alarms` are told and were not planted; of twelve prompts that were written when rules and thresholds were
done, and (`seen_`) of those that these were made with. Beside it a plain comparison of lines, as `diff` makes it: which
sentences of the one are not in the other word for word.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.measure import Machine, models_folder, report, say
from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.contexts.evaluation.module import Meaning, changes, read_prompt
from ryorin.contexts.knowledge.module import centred

PROMPTS = Path(__file__).with_name("intent_prompts.yaml")
SETS = {"unseen": "", "seen": "seen_"}


def by_meaning(pair: dict[str, Any], engine: Any) -> list[str]:
    """What of the first text is told to be lost, or to ask for something else now."""
    before, after = read_prompt(pair["before"]), read_prompt(pair["after"])
    texts = list(dict.fromkeys((*before.said, *after.said)))
    meaning = Meaning(texts, np.asarray(engine.embed_passages(texts), dtype=np.float32))
    return [one.before.text for one in changes(before, after, meaning) if one.before is not None]


def by_lines(pair: dict[str, Any]) -> list[str]:
    """What is not in the second text word for word."""
    kept = set(read_prompt(pair["after"]).said)
    return [one.text for one in read_prompt(pair["before"]).requirements if one.text not in kept]


def counted(pairs: list[dict[str, Any]], tell: Callable[[dict[str, Any]], list[str]]) -> dict[str, int]:
    """Losses that are found, and what is told besides."""
    figures = {"planted": 0, "found": 0, "false_alarms": 0}
    for number, pair in enumerate(pairs, start=1):
        lost = list(dict.fromkeys(tell(pair)))
        missed = [mark for mark in pair["lost"] if not any(mark in text for text in lost)]
        alarms = [text for text in lost if not any(mark in text for mark in pair["lost"])]
        figures["planted"] += len(pair["lost"])
        figures["found"] += len(pair["lost"]) - len(missed)
        figures["false_alarms"] += len(alarms)
        if tell is not by_lines:
            say(f"{number}: missed {missed}, false alarms {alarms}")
    return figures


def main() -> None:
    """Compare all pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same: it takes seconds")
    parser.parse_args()
    machine, sets = Machine(), yaml.safe_load(PROMPTS.read_text(encoding="utf-8"))
    figures: dict[str, int] = {}
    baseline: dict[str, int] = {}
    with models_folder() as models:
        engine = centred(OnnxE5Engine(models))
        for name, prefix in SETS.items():
            pairs = sets.get(name, [])
            say(f"{name}: {len(pairs)} prompts")
            made = counted(pairs, lambda pair: by_meaning(pair, engine))
            kept = sum(len(read_prompt(pair["before"]).requirements) for pair in pairs)
            figures |= {f"{prefix}prompts": len(pairs), f"{prefix}requirements": kept}
            figures |= {f"{prefix}{key}": value for key, value in made.items()}
            lines = counted(pairs, by_lines)
            baseline |= {f"{prefix}lines_{key}": lines[key] for key in ("found", "false_alarms")}
    report("intent", figures, baseline, machine, {})


if __name__ == "__main__":
    main()
