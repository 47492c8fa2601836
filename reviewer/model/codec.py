"""Frozen values to bytes and back; the only module that knows msgspec."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast

import msgspec

from reviewer.model.errors import BadInputError

T = TypeVar("T")


def to_json(value: object, *, indent: int = 2) -> bytes:
    """Return the value as UTF-8 JSON with a newline at the end; the same value, the same bytes.

    Members keep the order their type declares (values that travel hold tuples, not sets).
    ``indent`` 0 is one line.
    """
    try:
        raw = msgspec.json.encode(value)
    except UnicodeEncodeError:  # an undecodable byte of a mail, kept as a lone surrogate
        raw = msgspec.json.encode(_replace_surrogates(msgspec.to_builtins(value)))
    return msgspec.json.format(raw, indent=indent or -1) + b"\n"


def _replace_surrogates(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_replace_surrogates(k): _replace_surrogates(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_surrogates(item) for item in value]
    return value


def from_json(raw: bytes, kind: type[T], *, what: str = "JSON") -> T:
    """Read bytes into a value of ``kind``, checking every member's type.

    Raises:
        BadInputError: it is not JSON, or not of that shape; ``what`` names it in the message.

    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.DecodeError as error:
        raise BadInputError(f"{what}: {error}; check that the file is whole") from error


def to_msgpack(value: object) -> bytes:
    """Return the value as MessagePack, for caches."""
    return msgspec.msgpack.encode(value)


_MSGPACK_DECODERS: dict[object, msgspec.msgpack.Decoder[Any]] = {}


def from_msgpack(raw: bytes, kind: type[T], *, what: str) -> T:
    """Read what ``to_msgpack`` wrote, checking every member's type.

    Raises:
        BadInputError: it is something else, or not whole; ``what`` names it in the message.
    """
    try:
        decoder = _MSGPACK_DECODERS.get(kind)
        if decoder is None:
            decoder = _MSGPACK_DECODERS[kind] = msgspec.msgpack.Decoder(kind)
        return cast("T", decoder.decode(raw))
    except msgspec.DecodeError as error:
        raise BadInputError(f"{what}: {error}; check that it is whole") from error


def from_builtins(data: object, kind: type[T], *, what: str) -> T:
    """Turn dicts, lists and scalars (what ``tomllib`` reads) into a value of ``kind``.

    Raises:
        BadInputError: a member is missing, unknown or of another type; ``what`` names it.
    """
    try:
        value = msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise BadInputError(f"{what}: {error}; fix it") from error
    _refuse_unknown(data, value, what)
    return value


def _refuse_unknown(data: object, value: object, what: str) -> None:
    """Compare keys with members; msgspec checks that for its own structs only."""
    if isinstance(data, dict) and is_dataclass(value):
        known = {member.name for member in fields(value)}
        for key, item in data.items():
            if key not in known:
                raise BadInputError(f"{what}: there is no key '{key}'; fix it")
            _refuse_unknown(item, getattr(value, key), what)
    elif isinstance(data, list) and isinstance(value, tuple | list):
        for item, converted in zip(data, value, strict=True):
            _refuse_unknown(item, converted, what)


def to_json_schema(kind: type[object]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a type."""
    return msgspec.json.schema(kind)
