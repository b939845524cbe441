"""The checksums of S3: what they are called, how they are computed, and joined for multipart uploads.

CRC32 is zlib's; CRC32C, CRC64NVME and the XXHASH are AWS's own C library's, which is loaded when first needed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from forebay.wire.protocol.message import AwsError

OF_PARTS = ("CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME")
"""What multipart uploads have."""
SIZES = {
    "CRC32": 4,
    "CRC32C": 4,
    "SHA1": 20,
    "SHA256": 32,
    "CRC64NVME": 8,
    "SHA512": 64,
    "MD5": 16,
    "XXHASH64": 8,
    "XXHASH3": 8,
    "XXHASH128": 16,
}
_HEADER = "x-amz-checksum-"
_OTHERS = {_HEADER + name for name in ("algorithm", "mode", "type")}
_HEADERS = _OTHERS | {_HEADER + name.lower() for name in SIZES}
_XXHASH = {"XXHASH64": "new_xxhash64", "XXHASH3": "new_xxhash3_64", "XXHASH128": "new_xxhash3_128"}
_POLYNOMIALS = {"CRC32": (32, 0xEDB88320), "CRC32C": (32, 0x82F63B78), "CRC64NVME": (64, 0x9A6C9329AC4BC9B5)}


class Hash(Protocol):
    """A checksum under way."""

    def update(self, data: Any, /) -> None:
        """Take more bytes."""

    def digest(self) -> bytes:
        """The checksum of all of them."""


class _Crc:
    def __init__(self, step: Callable[[Any, int], int], size: int) -> None:
        self._step = step
        self._size = size
        self._value = 0

    def update(self, data: Any, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


class _Xxhash:
    def __init__(self, name: str) -> None:
        self._state: Any = getattr(import_module("awscrt.checksums").XXHash, name)()

    def update(self, data: Any, /) -> None:
        self._state.update(data)

    def digest(self) -> bytes:
        digest: bytes = self._state.finalize()
        return digest


@cache
def _awscrt(name: str) -> Callable[[Any, int], int]:
    found: Callable[[Any, int], int] = getattr(import_module("awscrt.checksums"), name)
    return found


def new(algorithm: str) -> Hash:
    """A checksum of no bytes yet."""
    match algorithm:
        case "CRC32":
            return _Crc(zlib.crc32, 4)
        case "CRC32C":
            return _Crc(_awscrt("crc32c"), 4)
        case "CRC64NVME":
            return _Crc(_awscrt("crc64nvme"), 8)
        case "SHA1":
            return hashlib.sha1(usedforsecurity=False)
        case "SHA512":
            return hashlib.sha512()
        case "MD5":
            return hashlib.md5(usedforsecurity=False)
        case "XXHASH64" | "XXHASH3" | "XXHASH128":
            return _Xxhash(_XXHASH[algorithm])
        case _:
            return hashlib.sha256()


def header(algorithm: str) -> str:
    """The header of a checksum."""
    return _HEADER + algorithm.lower()


def member(algorithm: str) -> str:
    """The member of a checksum in input and output."""
    return f"Checksum{algorithm}"


def asked_for(given: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The algorithm that a request names and the value it states, as far as its headers say.

    Raises AwsError `InvalidRequest` for what is no algorithm or no value of it, or more than one.
    """
    stated = {name: headers[header(name)] for name in SIZES if header(name) in headers}
    trailer = headers.get("x-amz-trailer", "").strip().lower()
    if any(name.startswith(_HEADER) and name not in _HEADERS for name in headers):
        raise _invalid("The algorithm type you specified in x-amz-checksum- header is invalid.")
    if len(stated) > 1 or (stated and trailer):
        raise _invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    if trailer and trailer not in _HEADERS - _OTHERS:
        raise _invalid("The value specified in the x-amz-trailer header is not supported")
    named = given.get("ChecksumAlgorithm") or headers.get("x-amz-checksum-algorithm")
    sdks = headers.get("x-amz-sdk-checksum-algorithm")
    algorithm = trailer.removeprefix(_HEADER).upper() or next(iter(stated), None)
    if algorithm is not None and sdks and sdks.upper() != algorithm:
        raise _invalid("Value for x-amz-sdk-checksum-algorithm header is invalid.")
    if algorithm is None and named is not None and not sdks:
        algorithm = named.upper()
    elif algorithm is None and named is not None:
        raise _invalid(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found."
        )
    if algorithm is not None and algorithm not in SIZES:
        raise _invalid(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            f"[{', '.join(SIZES)}]"
        )
    value = stated.get(algorithm) if algorithm is not None else None
    if value is not None:
        check_form(algorithm or "", value)
    return algorithm, value


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidRequest", message, http=400)


def check_form(algorithm: str, value: str, kind: str = "header") -> None:
    """Raise AwsError `InvalidRequest` unless `value` could be a checksum of this kind."""
    if not _fits(value.partition("-")[0], SIZES[algorithm]):
        raise _invalid(f"Value for {header(algorithm)} {kind} is invalid.")


def _fits(value: str, size: int) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == size
    except (binascii.Error, ValueError):
        return False


def text(digest: bytes) -> str:
    """A checksum as S3 writes it."""
    return base64.b64encode(digest).decode()


def mismatch(algorithm: str) -> AwsError:
    """The refusal of a body whose checksum is another."""
    message = f"The {algorithm} you specified did not match the calculated checksum."
    return AwsError("BadDigest", message, http=400)


def md5_of(headers: Mapping[str, str]) -> bytes | None:
    """What `Content-MD5` says. Raises AwsError `InvalidDigest`."""
    stated = headers.get("content-md5")
    if stated is None:
        return None
    try:
        found = base64.b64decode(stated, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != 16:
        message = "The Content-MD5 you specified was invalid."
        raise AwsError("InvalidDigest", message, http=400, **{"Content-MD5": stated})
    return found


def check_md5(stated: bytes | None, found: bytes, *, part: bool = False) -> None:
    """Raise AwsError `BadDigest` if the body is not what its sender hashed, which S3 shows in hex but of a part."""
    if stated is not None and stated != found:
        raise AwsError(
            "BadDigest",
            "The Content-MD5 you specified did not match what we received.",
            http=400,
            ExpectedDigest=text(stated) if part else stated.hex(),
            CalculatedDigest=text(found),
        )


def is_stated(headers: Mapping[str, str]) -> bool:
    """Whether a body comes with a checksum of its own: before it or after it. What is signed of it is none."""
    named = {"content-md5", "x-amz-trailer", *map(header, SIZES)}
    return not named.isdisjoint(headers)


_NEEDED = (
    "DeleteObjects",
    "PutBucketCors",
    "PutBucketLifecycleConfiguration",
    "PutBucketTagging",
    "PutObjectLockConfiguration",
)
"""What S3 takes only with a checksum. Its pages and model ask for one of others too, which it takes without."""


def check_document(operation: str, given: Mapping[str, Any], headers: Mapping[str, str], body: bytes) -> None:
    """Hold a document against the MD5 and the checksum that came with it, one of which some must have.

    Raises AwsError `BadDigest`, and `InvalidDigest` or `InvalidRequest` for what could be none.
    """
    if operation == "CompleteMultipartUpload":  # its checksums are the object's
        return
    if operation in _NEEDED and not is_stated(headers):
        message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
        raise AwsError("InvalidRequest", message, http=400)
    stated = md5_of(headers)
    algorithm, value = asked_for(given, headers)
    if stated is not None:
        check_md5(stated, hashlib.md5(body, usedforsecurity=False).digest())
    if value is not None and algorithm is not None:
        found = new(algorithm)
        found.update(body)
        if text(found.digest()) != value:
            raise mismatch(algorithm)


# Of several parts.


def composite(algorithm: str, parts: Iterable[str]) -> str:
    """The checksum of the parts' checksums, with how many there are."""
    whole = new(algorithm)
    count = 0
    for part in parts:
        whole.update(base64.b64decode(part))
        count += 1
    return f"{text(whole.digest())}-{count}"


def combined(algorithm: str, parts: Sequence[tuple[str, int]]) -> str:
    """The CRC of the whole from those of its parts (base64, size), without reading a byte of them."""
    width, polynomial = _POLYNOMIALS[algorithm]
    crc = 0
    for value, size in parts:
        crc = _shift(crc, size, width, polynomial) ^ int.from_bytes(base64.b64decode(value), "big")
    return text(crc.to_bytes(width // 8, "big"))


def _times(matrix: list[int], vector: int) -> int:
    total = at = 0
    while vector:
        if vector & 1:
            total ^= matrix[at]
        vector >>= 1
        at += 1
    return total


def _shift(crc: int, size: int, width: int, polynomial: int) -> int:
    """A CRC after `size` zero bytes: the step for one zero bit, as a matrix over GF(2), squared as needed."""
    matrix = [polynomial] + [1 << n for n in range(width - 1)]
    bits = size * 8
    while bits and crc:
        if bits & 1:
            crc = _times(matrix, crc)
        matrix = [_times(matrix, row) for row in matrix]
        bits >>= 1
    return crc
