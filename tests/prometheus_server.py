"""A real Prometheus for tests: Debian's package, installed or unpacked from apt into a temporary folder."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

import httpx

from tests.redis_server import free_port

START_SECONDS = 60.0
DOWNLOAD_SECONDS = 120.0


@functools.cache
def program(name: str) -> Path | None:
    """`prometheus` or `promtool`; None where neither PATH nor apt has it."""
    found = shutil.which(name)
    return Path(found) if found else _unpacked(name)


def _unpacked(name: str) -> Path | None:
    folder = Path(tempfile.mkdtemp(prefix="ryorin-prometheus-"))
    try:
        for command in (["apt-get", "download", "prometheus"], ["sh", "-c", "dpkg-deb -x prometheus_*.deb ."]):
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=DOWNLOAD_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    path = folder / "usr" / "bin" / name
    return path if path.is_file() else None


class PrometheusServer:
    """Runs with a configuration of its own until its context is left."""

    def __init__(self, binary: Path, configuration: Path, folder: Path) -> None:
        self._command = [str(binary), f"--config.file={configuration}", f"--storage.tsdb.path={folder / 'tsdb'}"]
        self.url = f"http://127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PrometheusServer:
        address = self.url.removeprefix("http://")
        self._process = subprocess.Popen([*self._command, f"--web.listen-address={address}", "--log.level=error"])
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends:
            try:
                if httpx.get(f"{self.url}/-/ready", timeout=1.0).is_success:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise RuntimeError("Prometheus did not come up")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
