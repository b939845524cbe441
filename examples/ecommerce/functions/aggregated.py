"""Records that the Kinesis Producer Library packed into one (its "Aggregation Format", a protocol buffer)."""

import hashlib

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST = 16


def records_of(data):
    """The user records in one Kinesis record: those that it packs, or itself."""
    body, digest = data[len(MAGIC) : -DIGEST], data[-DIGEST:]
    if not data.startswith(MAGIC) or hashlib.md5(body, usedforsecurity=False).digest() != digest:
        return [data]
    return [
        part for number, record in fields(body) if number == 3 for name, part in fields(record) if name == 3
    ]


def fields(message):
    """(number, value) of each field of a message; a value is bytes where it has a length, else a number."""
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        value, at = varint(message, at)
        if tag & 7 == 2:
            value, at = message[at : at + value], at + value
        yield tag >> 3, value


def varint(message, at):
    """A number of seven bits a byte, and where the next thing begins."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
