"""A `ryorin serve` of its own, in a subprocess, on a free port, with a data folder that may outlive it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

import httpx

from ryorin.adapters.postgres.embedded import EmbeddedPostgres

START_SECONDS = 60.0


class ServerProcess:
    """Start, stop and kill a server; leaving the context stops it and its database."""

    def __init__(
        self, data_dir: Path | None = None, module: str = "ryorin.bootstrap.cli", roles: str = "", **environment: str
    ) -> None:
        self._module = module
        self._roles = roles
        self._folder = tempfile.TemporaryDirectory(prefix="ryorin-") if data_dir is None else None
        self.data_dir = Path(self._folder.name) if self._folder else data_dir or Path()
        self.data_dir.chmod(0o755)
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self.base_url = ""
        # where its log goes
        self.stderr: IO[bytes] | IO[str] = sys.stderr

    def start(self, wait: bool = True) -> None:
        """Start on a free port; with `wait`, return when it answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {**os.environ, "RYORIN_DATA_DIR": str(self.data_dir), "RYORIN_LOG_LEVEL": "warning"}
        arguments = [sys.executable, "-m", self._module, "serve", "--port", str(port)]
        arguments += ["--roles", self._roles] if self._roles else []
        self._process = subprocess.Popen(
            arguments, env={**environment, **self._environment}, start_new_session=True, stderr=self.stderr
        )
        self.base_url = f"http://127.0.0.1:{port}"
        if wait:
            self.wait_until_up()

    def wait_until_up(self) -> None:
        """Return when the server answers; raises RuntimeError when it ended or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError("the server ended while starting")
            try:
                if httpx.get(f"{self.base_url}/healthz", timeout=1.0).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise RuntimeError(f"the server did not come up within {START_SECONDS:g} s")

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Kill -9, without any chance to tidy up."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        """End it in order."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=30)

    @contextmanager
    def started(self) -> Iterator[ServerProcess]:
        """Run without HTTP, so that nothing is asked whether it is up, beside another on the same data."""
        self.start(wait=False)
        try:
            yield self
        finally:
            self.stop()

    def __enter__(self) -> ServerProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        # a killed server leaves its database running: join and leave as the last one
        EmbeddedPostgres.start(self.data_dir).release()
        if self._folder is not None:
            self._folder.cleanup()
