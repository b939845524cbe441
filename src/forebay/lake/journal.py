"""Where small objects lie that are acknowledged and not yet in the catalog: bytes that one fdatasync keeps.

    puts.0, puts.1      two files of a fixed size, written in turn, from their beginning each time

    head      magic, the journal's id (16 bytes), the generation (how often a file was begun)
    record    seal (16 bytes), number, length of doc, length of body, doc (MessagePack), body

All of a file is zeros, on disk, before it is used: a write changes neither its size nor its blocks, so that a sync is
the bytes and nothing else. A record is sealed with a hash whose key is its journal and generation, and numbers ascend
within a file: what is left of an earlier generation, torn, or made to look like a record by who put it, is none.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from forebay.crash import crash_point
from forebay.durable import sync_data, sync_folder

NAMES = ("puts.0", "puts.1")
SIZE = 4 << 20
_MAGIC = b"forebay1"
_HEAD = struct.Struct(">8s16sQ")
_RECORD = struct.Struct(">16sQII")
_SEALED = struct.Struct(">QII")
_SEAL = 16


@dataclass(slots=True)
class Put:
    """An object that is put: where to, what the flow is to be told of it (packed), and its bytes."""

    bucket: str
    key: str
    doc: bytes
    body: bytes

    @property
    def size(self) -> int:
        """The bytes of a journal that it takes."""
        return _RECORD.size + len(self.doc) + len(self.body)


@dataclass(slots=True)
class Entry:
    """One in a journal. Numbers ascend from 1."""

    number: int
    put: Put


@dataclass(frozen=True, slots=True)
class Left:
    """What a journal left that was not closed: its id, and its entries in the order of their acknowledgement."""

    journal: str
    entries: list[Entry]


@dataclass(slots=True)
class Part:
    """One of the two files: how far it is written, under which key, and the last number in it (0: none)."""

    fd: int
    at: int = 0
    key: bytes = b""
    last: int = 0


class Journal:
    """The two files of a folder. `add` blocks for a sync; one caller at a time."""

    def __init__(self, folder: Path, size: int = SIZE) -> None:
        self._folder = folder
        self._size = size
        self._id = os.urandom(16)
        self._generation = 0
        self._parts: list[Part] = []
        self.number = 0

    @property
    def id(self) -> str:
        """What the flow knows it by."""
        return self._id.hex()

    def open(self) -> None:
        """Make the files, on disk. Raises OSError where there is no room for them."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            for name in NAMES:
                flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
                fd = os.open(self._folder / name, flags, 0o600)
                self._parts.append(Part(fd))
                at = 0
                while at < self._size:
                    at += os.pwrite(fd, bytes(self._size - at), at)
                os.fsync(fd)
            sync_folder(self._folder)
            sync_folder(self._folder.parent)
        except OSError:
            self.remove()
            raise

    def close(self) -> None:
        """Leave the files for the next start."""
        for part in self._parts:
            os.close(part.fd)
        self._parts.clear()

    def remove(self) -> None:
        """Close, and remove the files: nothing in them is needed."""
        self.close()
        discard(self._folder)

    @property
    def writing(self) -> Part:
        """The file that is written to."""
        return self._parts[0]

    @property
    def other(self) -> Part:
        """The other one."""
        return self._parts[1]

    def fits(self, size: int) -> bool:
        """Whether so many bytes of docs and bodies have room in the file that is written to."""
        return self.writing.at + _HEAD.size + size <= self._size

    def turn(self) -> None:
        """Write to the other file from now on, from its beginning: nothing in it is needed."""
        self._parts.reverse()
        part = self.writing
        part.at = part.last = 0

    def add(self, puts: Sequence[Put]) -> list[Entry]:
        """Keep them, on disk when it returns. Raises OSError: then nobody knows which of them are, up to `number`."""
        part = self.writing
        pieces: list[bytes] = []
        if not part.at:
            self._generation += 1
            part.key = self._id + self._generation.to_bytes(8, "big")
            pieces.append(_HEAD.pack(_MAGIC, self._id, self._generation))
        entries = []
        for put in puts:
            self.number += 1
            said = _SEALED.pack(self.number, len(put.doc), len(put.body))
            pieces += (_seal(part.key, said, put.doc, put.body), said, put.doc, put.body)
            entries.append(Entry(self.number, put))
        data = b"".join(pieces)
        if part.at + len(data) > self._size:
            raise OSError("the journal of puts is full")
        at = part.at
        view = memoryview(data)
        while view:
            written = os.pwrite(part.fd, view, at)
            view, at = view[written:], at + written
        crash_point("puts.written")
        sync_data(part.fd)
        crash_point("puts.synced")
        part.at, part.last = at, self.number
        return entries


pack = msgspec.msgpack.Encoder().encode
"""A doc as it is kept."""
unpack = msgspec.msgpack.Decoder(dict[str, Any]).decode
"""The doc that was kept so."""


def left(folder: Path) -> list[Left]:
    """What is in the files of a folder; nothing where there are none. Raises OSError as the disk does."""
    found: list[tuple[bytes, int, list[Entry]]] = []
    for name in NAMES:
        with contextlib.suppress(FileNotFoundError):
            data = (folder / name).read_bytes()
            if len(data) >= _HEAD.size and data.startswith(_MAGIC):
                _, id, generation = _HEAD.unpack_from(data)
                found.append((id, generation, list(_entries(data, id, generation))))
    found.sort(key=lambda each: each[1])
    journals: dict[bytes, list[Entry]] = {}
    for id, _, entries in found:
        journals.setdefault(id, []).extend(entries)
    return [Left(id.hex(), entries) for id, entries in journals.items() if entries]


def discard(folder: Path) -> None:
    """Remove the files of a folder, on disk."""
    for name in NAMES:
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir():
        sync_folder(folder)


def set_aside(folder: Path) -> None:
    """Keep files that cannot be read, for who can, where no start takes them for its own."""
    for name in NAMES:
        with contextlib.suppress(FileNotFoundError):
            (folder / name).rename(folder / f"{name}.unread-{os.urandom(4).hex()}")
    sync_folder(folder)


def _entries(data: bytes, id: bytes, generation: int) -> Iterable[Entry]:
    key = id + generation.to_bytes(8, "big")
    at, last = _HEAD.size, 0
    while at + _RECORD.size <= len(data):
        seal, number, doc_size, body_size = _RECORD.unpack_from(data, at)
        begin = at + _RECORD.size
        end = begin + doc_size + body_size
        if number <= last or end > len(data):
            return
        doc, body = data[begin : begin + doc_size], data[begin + doc_size : end]
        if not hmac.compare_digest(seal, _seal(key, data[at + _SEAL : begin], doc, body)):
            return
        said = unpack(doc)
        yield Entry(number, Put(said["bucket"], said["key"], doc, body))
        at, last = end, number


def _seal(key: bytes, said: bytes, doc: bytes, body: bytes) -> bytes:
    digest = blake2b(said, digest_size=_SEAL, key=key)
    digest.update(doc)
    digest.update(body)
    return digest.digest()
