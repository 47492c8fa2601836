"""Reads the BTF of a kernel image: structs with the offsets of their members, function names.

Format: the kernel's Documentation/bpf/btf.rst. An image is a bzImage (xz or zstd) or vmlinux.
"""

from __future__ import annotations

import lzma
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STRUCT, UNION, FUNC = 4, 5, 12
_SKIP = {1: 4, 3: 12, 6: 8, 13: 8, 14: 4, 15: 12, 17: 4, 19: 12}  # bytes, or bytes per item
_PER_ITEM = frozenset({6, 13, 15, 19})


@dataclass(frozen=True)
class BtfType:
    kind: int
    name: str
    size: int
    members: tuple[tuple[str, int, int, int], ...]  # name, type, bit offset, bit width


def _unpack_image(data: bytes) -> bytes:
    if data[:4] == b"\x7fELF":
        return data
    at = data.find(b"\xfd7zXZ\x00")
    if at >= 0:
        return lzma.LZMADecompressor().decompress(data[at:])
    at = data.find(b"\x28\xb5\x2f\xfd")
    assert at >= 0, "an image that is neither ELF, xz nor zstd"
    return zstd.ZstdDecompressor().decompress(data[at:])


def read_btf(path: Path) -> bytes:
    """Return the .BTF section of an image."""
    elf = _unpack_image(path.read_bytes())
    assert elf[:4] == b"\x7fELF"
    table, entry, count, names = struct.unpack_from("<Q10xHHH", elf, 40)
    headers = [struct.unpack_from("<IIQQQQ", elf, table + i * entry) for i in range(count)]
    strings = headers[names][4]
    for name, _kind, _flags, _address, offset, size in headers:
        end = elf.index(b"\0", strings + name)
        if elf[strings + name : end] == b".BTF":
            return elf[offset : offset + size]
    raise AssertionError("the image has no .BTF section")


class Btf:
    """The types and functions of an image."""

    def __init__(self, image: Path) -> None:
        data = read_btf(image)
        length, types, types_size, strings = struct.unpack_from("<4xIIII", data, 0)
        self._strings = data[length + strings :]
        self.types: list[BtfType] = [BtfType(0, "void", 0, ())]
        at, end = length + types, length + types + types_size
        while at < end:
            at = self._read(data, at)

    def _name(self, offset: int) -> str:
        return self._strings[offset : self._strings.index(b"\0", offset)].decode()

    def _read(self, data: bytes, at: int) -> int:
        name, info, size = struct.unpack_from("<III", data, at)
        kind, count, flag = info >> 24 & 0x1F, info & 0xFFFF, info >> 31
        at += 12
        members = []
        if kind in (STRUCT, UNION):
            for _ in range(count):
                member, of, offset = struct.unpack_from("<III", data, at)
                bits = offset >> 24 if flag else 0
                members.append(
                    (self._name(member), of, offset & 0xFFFFFF if flag else offset, bits)
                )
                at += 12
        else:
            skip = _SKIP.get(kind, 0)
            at += skip * count if kind in _PER_ITEM else skip
        self.types.append(BtfType(kind, self._name(name), size, tuple(members)))
        return at

    def find(self, name: str) -> BtfType:
        for found in self.types:
            if found.name == name and found.kind == STRUCT and found.members:
                return found
        raise AssertionError(f"no struct {name} in BTF")

    def functions(self) -> list[str]:
        """Return the functions of the image in the order of its objects."""
        return [found.name for found in self.types if found.kind == FUNC]

    def flat(self, of: BtfType, base: int = 0) -> dict[str, tuple[int, int]]:
        """Return (bit offset, bit width) by member, anonymous members looked through."""
        found: dict[str, tuple[int, int]] = {}
        for name, kind, offset, bits in of.members:
            if name:
                found.setdefault(name, (base + offset, bits))
            else:
                for inner, place in self.flat(self.types[kind], base + offset).items():
                    found.setdefault(inner, place)
        return found
