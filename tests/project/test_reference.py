"""What is derived from the specs: the reference, the JSON Schema; and that every example is so."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from forebay.project.fields import SpecField, fields_of, is_spec
from forebay.project.jsonschema import schema_of
from forebay.project.model import Spec
from forebay.project.parse import Parser
from forebay.project.read import Map, plain, read_text
from forebay.project.reference import pages
from forebay.project.section import Section
from forebay.project.settings import Settings
from forebay.sections import SECTIONS
from tests.project.folder import PYTHON, Folder
from tests.project.test_load import BOTS, EVERYTHING, ROOT

SCHEMA = schema_of(SECTIONS)
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)


def specs() -> list[type[Spec]]:
    found: list[type[Spec]] = [Settings]
    for section in SECTIONS:
        found += [section.spec, *section.variants.values()]
    for spec in found:
        for field in fields_of(spec):
            kind = field.item.__args__[0] if getattr(field.item, "__origin__", None) is list else field.item
            if is_spec(kind) and kind not in found:
                found.append(kind)
    return found


EXAMPLES = [
    pytest.param(spec, field, id=f"{spec.__name__}.{field.key}")
    for spec in specs()
    for field in fields_of(spec)
    if field.meta.example is not None
]
FIELDS = [
    pytest.param(spec, field, id=f"{spec.__name__}.{field.key}")
    for spec in specs()
    for field in fields_of(spec)
]


def as_json(text: str) -> Any:
    """As an editor reads YAML 1.2: `on` is a word."""
    node, findings = read_text(text, "text")
    assert findings == []
    assert node is not None
    return plain(node)


def test_the_committed_pages_and_schema_are_those_of_the_specs() -> None:
    """`make docs` writes them."""
    made = runpy.run_path(str(ROOT / "scripts" / "reference_pages.py"))["made"]()
    for path, text in made.items():
        assert Path(path).read_text() == text, f"{path} is out of date"
    assert {path.name for path in (ROOT / "docs" / "reference").iterdir()} == {*pages(SECTIONS)}


@pytest.mark.parametrize(("spec", "field"), FIELDS)
def test_a_field_says_what_it_is_in_a_sentence(spec: type[Spec], field: SpecField) -> None:
    assert re.fullmatch(r"[A-Z`].*[.)`]", field.meta.doc), f"{spec.__name__}.{field.name}: {field.meta.doc}"


@pytest.mark.parametrize(("spec", "field"), EXAMPLES)
def test_a_fields_example_is_one(spec: type[Spec], field: SpecField) -> None:
    node, findings = read_text(f"{field.key}: {field.meta.example}\n", "example")
    assert findings == []
    assert isinstance(node, Map)
    parser = Parser("example", SECTIONS)
    for noun in parser.known:
        parser.known[noun] = {"example"}
    required = {f.key for f in fields_of(spec) if f.required} - {field.key}
    parser.spec(Map(1, 1, node.pairs, 2), spec, ("example", spec.__name__))
    found = [
        finding
        for finding in parser.findings
        if not (finding.code == "MissingKey" and any(f"`{key}`" in finding.message for key in required))
        and finding.code != "OneOf"
    ]
    assert found == []


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.noun)
def test_a_sections_example_loads(section: Section, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in re.findall(r"\$\{secret:(\w+)\}", section.example):
        monkeypatch.setenv(name, "x")
    indented = "".join(f"  {line}\n" for line in section.example.splitlines())
    around: dict[str, str] = {
        "delivery": "  clicks: {to: lake.shop/clicks/}\n",
        "streams": "  activity: {}\n  suspicious: {}\n  plays: {}\n",
        "topics": "  ops: {}\n",
        "functions": "  thank: functions/clean.lambda_handler\n",
        "ingest": "  clicks: {route: POST /clicks, to: streams.activity}\n",
    }
    around.pop(section.noun, None)
    text = f"{section.noun}:\n{indented}" + "".join(f"{noun}:\n{entry}" for noun, entry in around.items())
    files = dict.fromkeys(re.findall(r"\w+/\w+\.sql", section.example), "select 1")
    files["streams/bots.sql"] = BOTS
    files["functions/clean.py"] = PYTHON
    files["functions/enrich.py"] = PYTHON.replace("clean", "enrich")
    files["simulate/evening.py"] = "def click():\n    return {}\n"
    files["simulate/players.json"] = '{"name": "{{name.firstName}}"}'
    files["dashboards/evening.yaml"] = "tiles: [{title: A, kind: text, text: hello}]\n"
    folder.good(text, files)


def test_the_schema_is_a_schema() -> None:
    jsonschema_rs.meta.validate(SCHEMA)


@pytest.mark.parametrize(
    "text", [EVERYTHING, (ROOT / "examples" / "restaurant" / "forebay.yaml").read_text()]
)
def test_the_schema_takes_what_check_takes(text: str) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(as_json(text))] == []


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.noun)
def test_the_schema_takes_every_sections_example(section: Section) -> None:
    written: dict[str, Any] = {"name": "shop", section.noun: as_json(section.example)}
    assert [error.message for error in VALIDATOR.iter_errors(written)] == []


@pytest.mark.parametrize(
    "yaml_text",
    [
        "strems: {}",
        "streams: {a: {shards: 0}}",
        "streams: {a: {shrds: 1}}",
        "streams: {a: {retention: 5}}",
        "delivery: {d: {format: parquet}}",
        "delivery: {d: {to: shop/x}}",
        "ingest: {r: {route: /x, to: streams.a}}",
        "ingest: {r: {route: POST /x, to: catalog.a}}",
        "query: {q: {sql: a b, file: c.sql}}",
        "lake: {Bad_Name: {}}",
    ],
)
def test_the_schema_refuses_what_check_refuses(yaml_text: str, folder: Folder) -> None:
    assert not VALIDATOR.is_valid({"name": "shop", **as_json(yaml_text)})
    assert folder.check(yaml_text) != []


def test_the_schema_is_json_that_an_editor_can_read() -> None:
    assert json.loads((ROOT / "docs" / "forebay.schema.json").read_text()) == SCHEMA
    assert all(field.get("description") for field in SCHEMA["properties"].values())
