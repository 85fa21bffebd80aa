"""The LiteLLM proxy in front of an upstream, with its in-memory cache on."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

import httpx

from benchmarks.peers.environments import python_with

# 1.82.7, 1.82.8 and 1.107.0 were compromised
REQUIREMENT = "litellm[proxy]==1.82.6"
START_SECONDS = 120.0
CONFIGURATION = """
model_list:
  - model_name: mock
    litellm_params: {{model: openai/mock, api_base: "{upstream}", api_key: none}}
litellm_settings:
  cache: true
  cache_params: {{type: local}}
  telemetry: false
  drop_params: true
"""


class LiteLlmProxy:
    """One worker of the proxy in a process of its own."""

    def __init__(self, upstream: str, install: bool = True) -> None:
        self._python = python_with("litellm", REQUIREMENT, install=install)
        self._folder = tempfile.TemporaryDirectory(prefix="litellm-")
        self._upstream = upstream
        self._process: subprocess.Popen[bytes] | None = None
        self.base_url = ""

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> LiteLlmProxy:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        configuration = Path(self._folder.name) / "config.yaml"
        configuration.write_text(CONFIGURATION.format(upstream=self._upstream))
        arguments = ["--config", str(configuration), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
        self._process = subprocess.Popen(
            [str(self._python.parent / "litellm"), *arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.base_url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError("the LiteLLM proxy ended while starting")
            try:
                if httpx.get(f"{self.base_url}/health/liveliness", timeout=2.0).is_success:
                    return self
            except httpx.TransportError:
                time.sleep(0.2)
        raise RuntimeError("the LiteLLM proxy did not come up")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
        self._folder.cleanup()
