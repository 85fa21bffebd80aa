"""Arrays that grow, for what is looked at all at once and added to all the time."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

N = TypeVar("N", bound=np.generic)


class GrowingRows(Generic[N]):
    """An array that grows."""

    def __init__(self, kind: type[N], width: int | None = None) -> None:
        self._rows: NDArray[N] = np.zeros((64,) if width is None else (64, width), dtype=kind)
        self._count = 0

    def add(self, rows: NDArray[np.generic]) -> None:
        """Put rows behind the others."""
        end = self._count + len(rows)
        if end > len(self._rows):
            larger = np.zeros((max(end, 2 * len(self._rows)), *self._rows.shape[1:]), dtype=self._rows.dtype)
            larger[: self._count] = self._rows[: self._count]
            self._rows = larger
        self._rows[self._count : end] = rows
        self._count = end

    @property
    def all(self) -> NDArray[N]:
        """What was added."""
        return self._rows[: self._count]
