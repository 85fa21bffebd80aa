"""Are the requirements that an edit of a prompt loses found, and none that it keeps called lost?

Twelve prompts in two languages, made for this (`intent_prompts.yaml`); no model is asked. `found` of the `planted`
losses are told, `false_alarms` are told and were not planted. Beside it a plain comparison of lines, as `diff` makes
it: which sentences of the one are not in the other word for word.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import yaml

from benchmarks.measure import Machine, report, say
from ryorin.contexts.evaluation.domain.intent import sentences
from ryorin.contexts.evaluation.module import changes

PROMPTS = Path(__file__).with_name("intent_prompts.yaml")


def told(pair: dict[str, Any]) -> list[str]:
    """Sentences of the first text that are told to be lost, or to ask for something else now."""
    found = changes(pair["before"], pair["after"])
    return [one.before.text for one in found if one.before is not None]


def by_lines(pair: dict[str, Any]) -> list[str]:
    """Sentences that are not in the second text word for word."""
    kept = set(sentences(pair["after"]))
    return [one for one in sentences(pair["before"]) if one not in kept]


def main() -> None:
    """Compare all pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same: it takes no time")
    parser.parse_args()
    machine, pairs = Machine(), yaml.safe_load(PROMPTS.read_text(encoding="utf-8"))
    figures = {"prompts": len(pairs), "planted": 0, "found": 0, "false_alarms": 0}
    baseline = {"lines_found": 0, "lines_false_alarms": 0}
    for number, pair in enumerate(pairs, start=1):
        for prefix, lost, counts in (("", told(pair), figures), ("lines_", by_lines(pair), baseline)):
            hit = [mark for mark in pair["lost"] if any(mark in text for text in lost)]
            alarms = [text for text in lost if not any(mark in text for mark in pair["lost"])]
            counts[f"{prefix}found"] += len(hit)
            counts[f"{prefix}false_alarms"] += len(alarms)
            if not prefix:
                figures["planted"] += len(pair["lost"])
                missed = [mark for mark in pair["lost"] if mark not in hit]
                say(f"{number}: found {hit}, missed {missed}, false alarms {alarms}")
    report("intent", figures, baseline, machine, {"prompts": len(pairs)})


if __name__ == "__main__":
    main()
