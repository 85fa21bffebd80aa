"""Every error that Ryorin can raise has a status over HTTP: without one it would look like our failure."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

import ryorin
from ryorin.entrypoints.problems import STATUS
from ryorin.kernel.errors import RyorinError


def errors(kind: type[RyorinError] = RyorinError) -> Iterator[type[RyorinError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from errors(child)


def codes() -> list[str]:
    for module in pkgutil.walk_packages(ryorin.__path__, "ryorin."):
        if module.name.endswith((".errors", ".pool")):
            import_module(module.name)
    return sorted({kind.code for kind in errors() if kind is not RyorinError})


@pytest.mark.parametrize("code", codes())
def test_an_error_has_a_status(code: str) -> None:
    assert code in STATUS
