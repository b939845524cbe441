"""Files that are encrypted under a key which is kept nowhere: what turns their bytes, whoever has it.

A file is of pieces, each written at once under a nonce of its own, in AES-256 CTR: encrypting is decrypting, and any
byte can be turned without those before it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import accumulate
from typing import Any, Protocol

_BLOCK = 16


class Context(Protocol):
    """A cipher under way; encrypting and decrypting are the same."""

    def update(self, data: Any, /) -> bytes:
        """As many bytes as are given, turned."""


@cache
def _ciphers() -> Any:
    # Loaded by the first request with a key: few ever have one.
    return import_module("cryptography.hazmat.primitives.ciphers")


@dataclass(frozen=True, slots=True)
class Seal:
    """What turns the bytes of one object."""

    key: bytes

    def context(self, nonce: bytes, at: int = 0) -> Context:
        """The cipher of a piece, from its byte `at` on."""
        parts = _ciphers()
        block, skipped = divmod(at, _BLOCK)
        counter = nonce + block.to_bytes(8, "big")
        context: Context = parts.Cipher(parts.algorithms.AES(self.key), parts.modes.CTR(counter)).encryptor()
        context.update(bytes(skipped))
        return context


class Opened:
    """Decrypts an object's bytes, wherever in it they are."""

    def __init__(self, seal: Seal, pieces: Sequence[Sequence[Any]]) -> None:
        self._seal = seal
        self._pieces = [list(piece) for piece in pieces]
        self._nonces = [bytes.fromhex(nonce) for _, nonce in pieces]
        self._starts = [0, *accumulate(size for size, _ in pieces)]

    def turn(self, data: bytes, at: int) -> bytes:
        """What `data`, which was read at byte `at` of the file, is."""
        turned = bytearray()
        while len(turned) < len(data):
            here = at + len(turned)
            piece = bisect_right(self._starts, here) - 1
            rest = data[len(turned) : len(turned) + self._starts[piece + 1] - here]
            turned += self._seal.context(self._nonces[piece], here - self._starts[piece]).update(rest)
        return bytes(turned)

    def told(self) -> dict[str, Any]:
        """For another process of this machine, over its private socket: see `unsealed`."""
        return {"key": self._seal.key, "pieces": self._pieces}


def unsealed(told: Mapping[str, Any]) -> Callable[[bytes, int], bytes]:
    """What turns the bytes of the object that was told of."""
    return Opened(Seal(told["key"]), told["pieces"]).turn
