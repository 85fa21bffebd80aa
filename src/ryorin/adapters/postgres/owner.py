"""Names this process as the holder of leases, and tells whether a named process of this host is gone."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class OwnerName:
    """host/pid/start time: process ids are used again, start times are not."""

    name: str

    @classmethod
    def of_this_process(cls) -> OwnerName:
        """The name under which this process takes leases."""
        pid = os.getpid()
        return cls(f"{socket.gethostname()}/{pid}/{psutil.Process(pid).create_time():.2f}")

    def is_dead(self, other: str) -> bool:
        """Whether `other` was a process of this host that no longer runs; False when in doubt."""
        host, pid, started = other.rsplit("/", 2)
        if host != self.name.rsplit("/", 2)[0]:
            return False
        try:
            return f"{psutil.Process(int(pid)).create_time():.2f}" != started
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False
