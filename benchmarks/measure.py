"""What every benchmark does: calibrate, watch for a disturbed machine, take percentiles, print one JSON line."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

Figures = Mapping[str, float | int | None]


def say(text: str) -> None:
    """Progress goes to stderr: the last line of stdout is the result."""
    print(text, file=sys.stderr, flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """A percentile, 0-100, rounded to microseconds when the values are milliseconds."""
    return round(float(np.percentile(np.asarray(values), share)), 3)


def calibration_seconds() -> float:
    """The time of a fixed loop: tells runs on slow or busy machines apart."""
    started = time.perf_counter()
    total = 0
    for number in range(5_000_000):
        total += number & 7
    return round(time.perf_counter() - started, 3)


class Machine:
    """Watches how much processor time others took while a benchmark ran."""

    def __init__(self) -> None:
        self._before = _cpu_times()

    def describe(self) -> dict[str, float | int | None]:
        """Cores, steal in percent since the start, and the calibration loop."""
        after = _cpu_times()
        steal: float | None = None
        if after and self._before:
            spent = [now - then for now, then in zip(after, self._before, strict=True)]
            steal = round(100 * spent[7] / max(1, sum(spent)), 2)
        return {"cores": os.cpu_count(), "steal_percent": steal, "calibration_s": calibration_seconds()}


def _cpu_times() -> list[int]:
    try:
        return [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except OSError:
        return []


def report(bench: str, figures: Figures, baseline: Figures, machine: Machine, config: Mapping[str, object]) -> None:
    """The result, as the last line of stdout."""
    result = {
        "bench": bench,
        "figures": dict(figures),
        "baseline": dict(baseline),
        "machine": machine.describe(),
        "config": dict(config),
    }
    print(json.dumps(result, ensure_ascii=False))


@contextmanager
def models_folder() -> Iterator[Path]:
    """Where converted models lie: RYORIN_MODELS_DIR, or a folder for this run."""
    known = os.environ.get("RYORIN_MODELS_DIR")
    if known:
        yield Path(known)
        return
    with tempfile.TemporaryDirectory(prefix="ryorin-models-") as folder:
        yield Path(folder)


def data_folder() -> Path:
    """The folder with the evaluation sets; ends the program with exit code 3 when it is not there."""
    folder = Path(os.environ.get("RYORIN_BENCH_DATA", "../shared/data"))
    if not (folder / "README.md").is_file():
        say(f"no evaluation sets in {folder}; set RYORIN_BENCH_DATA to the folder that holds them")
        sys.exit(3)
    return folder
