"""XML documents into values, by their shapes."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from botocore.model import ListShape, MapShape, Shape, StructureShape

from forebay.wire.protocol.message import AwsError
from forebay.wire.protocol.model import wire_name
from forebay.wire.protocol.scalars import text_value


def parse_xml(body: bytes) -> ET.Element:
    """The document's root, without namespaces. Raises AwsError `MalformedXML`."""
    # Entities could expand without bound; in UTF-16, which has zeros, they would not be seen here.
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body or b"\0" in body:
        raise _malformed()
    try:
        root = ET.fromstring(body)  # noqa: S314 - documents with a DTD were refused above
    except ET.ParseError:
        raise _malformed() from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _malformed() -> AwsError:
    return AwsError(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
        http=400,
    )


def xml_value(shape: Shape, node: ET.Element) -> Any:
    """What an element holds, by its shape."""
    if isinstance(shape, StructureShape):
        result: dict[str, Any] = {}
        for name, member in shape.members.items():
            wire = wire_name(name, member)
            if member.serialization.get("xmlAttribute"):
                attribute = wire.rpartition(":")[2]
                text = next((v for k, v in node.attrib.items() if k.rpartition("}")[2] == attribute), None)
                if text is not None:
                    result[name] = text
                continue
            if isinstance(member, ListShape) and member.serialization.get("flattened"):
                items = node.findall(
                    str(member.member.serialization.get("name", wire)) if wire == name else wire
                )
                if items:
                    result[name] = [xml_value(member.member, item) for item in items]
                continue
            child = node.find(wire)
            if child is not None:
                result[name] = xml_value(member, child)
        return result
    if isinstance(shape, ListShape):
        return [xml_value(shape.member, item) for item in node]
    if isinstance(shape, MapShape):
        key, value = (
            shape.key.serialization.get("name", "key"),
            shape.value.serialization.get("name", "value"),
        )
        return {
            (entry.findtext(str(key)) or ""): xml_value(shape.value, found)
            for entry in node
            if (found := entry.find(str(value))) is not None
        }
    try:
        return text_value(shape, node.text or "")
    except AwsError:
        raise _malformed() from None
