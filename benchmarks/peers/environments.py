"""Virtual environments for peers, made once and kept beside other caches; nothing of theirs enters ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import say

# RYORIN_BENCH_PEERS names another folder
CACHE = Path(os.environ.get("RYORIN_BENCH_PEERS", Path.home() / ".cache" / "ryorin-benchmarks"))


def python_with(name: str, *requirements: str, install: bool = True) -> Path:
    """The Python of an environment that holds the requirements; ends the program with exit code 3 without one.

    Quick forms take what is there and install nothing.
    """
    folder = CACHE / name
    python = folder / "bin" / "python"
    done = folder / ".installed"
    if done.is_file() and done.read_text() == "\n".join(requirements):
        return python
    if not install:
        say(f"{requirements[0]} is not installed in {folder}; the benchmark without --quick installs it")
        sys.exit(3)
    say(f"installing {', '.join(requirements)} into {folder}")
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        command = [str(python), "-m", "pip", "install", "--quiet", *requirements]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        say(f"{', '.join(requirements)} cannot be installed ({error}); this benchmark compares with it")
        sys.exit(3)
    done.write_text("\n".join(requirements))
    return python
