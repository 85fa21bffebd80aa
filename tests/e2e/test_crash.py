from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.timeout(240)
def test_nothing_is_lost_or_done_twice_when_the_server_is_killed() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.crash", "--quick", "--seed", "7"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.stdout, finished.stderr[-3000:]
    figures = json.loads(finished.stdout.splitlines()[-1])["figures"]
    assert (figures["kills"], figures["lost"], figures["doubled"], figures["re_embedded"]) == (3, 0, 0, 0)
    assert finished.returncode == 0
