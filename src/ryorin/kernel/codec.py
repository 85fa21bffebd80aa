"""Messages and events to JSON and back: stable names, schema versions, upcasters."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from ryorin.kernel.errors import InvalidInput, NewerVersion
from ryorin.kernel.events import Event
from ryorin.kernel.messages import Command

JSON = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]
Upcaster = Callable[[dict[str, JSON]], dict[str, JSON]]
T = TypeVar("T")
PLAIN = frozenset({type(None), bool, int, float, str})


def to_json(value: object) -> JSON:
    """Encode dataclasses, enums, UUIDs, dates, datetimes and containers of them."""
    kind = type(value)
    if kind in PLAIN:
        return cast(JSON, value)
    names = _field_names(cast(Hashable, kind))
    if names is not None:
        return {name: to_json(getattr(value, name)) for name in names}
    if isinstance(value, bool | int | float | str):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [to_json(item) for item in value]
    return _scalar_to_json(value)


@cache
def _field_names(kind: Any) -> tuple[str, ...] | None:
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else None


def _scalar_to_json(value: object) -> JSON:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return to_json(value.value)
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")


def from_json(expected: Any, data: JSON) -> Any:
    """Decode JSON into `expected`, a type or typing form; raises InvalidInput when it does not fit."""
    origin = typing.get_origin(expected)
    if expected is Any or expected is object:
        return data
    if origin in (typing.Union, types.UnionType):
        return _from_union(expected, data)
    if origin is typing.Literal:
        return _checked(data, data in typing.get_args(expected), expected)
    if origin is not None:
        return _from_container(origin, typing.get_args(expected), data)
    if dataclasses.is_dataclass(expected):
        return _from_object(cast(type[Any], expected), data)
    return _from_scalar(expected, data)


def _from_union(expected: Any, data: JSON) -> Any:
    options = typing.get_args(expected)
    if data is None and type(None) in options:
        return None
    candidates = [option for option in options if option is not type(None)]
    for option in candidates[:-1]:
        try:
            return from_json(option, data)
        except InvalidInput:
            continue
    return from_json(candidates[-1], data)


def _from_container(origin: Any, arguments: tuple[Any, ...], data: JSON) -> Any:
    if issubclass(origin, Mapping):
        mapping = _checked(data, isinstance(data, Mapping), origin)
        return {key: from_json(arguments[1], item) for key, item in mapping.items()}
    items = _checked(data, isinstance(data, Sequence) and not isinstance(data, str), origin)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return tuple(from_json(kind, item) for kind, item in zip(arguments, items, strict=True))
    decoded = [from_json(arguments[0], item) for item in items]
    return decoded if origin in (list, Sequence) else origin(decoded)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _from_object(kind: type[Any], data: JSON) -> Any:
    fields = _checked(data, isinstance(data, Mapping), kind)
    hints = _hints(cast(Hashable, kind))
    known = {field.name for field in dataclasses.fields(kind)}
    try:
        return kind(**{name: from_json(hints[name], item) for name, item in fields.items() if name in known})
    except TypeError as error:
        raise InvalidInput(f"{kind.__name__}: {error}") from error


def _from_scalar(expected: Any, data: JSON) -> Any:
    kind = getattr(expected, "__supertype__", expected)
    if kind in (UUID, datetime) or (isinstance(kind, type) and issubclass(kind, Enum)):
        parse: Callable[[Any], Any] = datetime.fromisoformat if kind is datetime else kind
        try:
            return parse(data)
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidInput(f"{data!r} is not a {kind.__name__}") from error
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    fits = isinstance(data, kind) and (kind is bool or not isinstance(data, bool))
    return _checked(data, fits, expected)


def _checked(data: JSON, fits: bool, expected: Any) -> Any:
    if not fits:
        raise InvalidInput(f"{str(data)[:80]!r} is not a {getattr(expected, '__name__', expected)}")
    return data


class Registry(Generic[T]):
    """Stable names to classes, one registry for events and one for commands."""

    def __init__(self, name_of: Callable[[type[T]], str]) -> None:
        self._name_of = name_of
        self._kinds: dict[str, type[T]] = {}
        self._upcasters: dict[tuple[str, int], Upcaster] = {}

    def register(self, *kinds: type[T]) -> None:
        """Make classes known; two classes may not share a name."""
        for kind in kinds:
            name = self._name_of(kind)
            if self._kinds.setdefault(name, kind) is not kind:
                raise ValueError(f"two messages are called {name!r}")

    @property
    def names(self) -> list[str]:
        """What is known."""
        return list(self._kinds)

    def register_upcaster(self, name: str, from_version: int, upcaster: Upcaster) -> None:
        """Teach how data of `from_version` becomes the next version's."""
        self._upcasters[name, from_version] = upcaster

    def decode(self, name: str, data: Mapping[str, JSON], schema_version: int = 1) -> T:
        """Rebuild a message; older schema versions are upcast step by step.

        Raises NewerVersion when the name is unknown, InvalidInput when the data do not fit.
        """
        if name not in self._kinds:
            raise NewerVersion(f"unknown message {name!r}: it was written by a newer version of Ryorin")
        fields = dict(data)
        while (name, schema_version) in self._upcasters:
            fields = self._upcasters[name, schema_version](fields)
            schema_version += 1
        return cast(T, from_json(self._kinds[name], fields))


def event_registry() -> Registry[Event]:
    """An empty registry of events, keyed by `Event.type`."""
    return Registry(lambda kind: kind.type)


def command_registry() -> Registry[Command]:
    """An empty registry of commands, keyed by `Command.name`."""
    return Registry(lambda kind: kind.name)
