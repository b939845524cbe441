"""What YAML can hold: odd files, odd words, and where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.catalog.section import TableSpec
from forebay.functions.section import FunctionSpec
from forebay.project.load import load
from forebay.project.read import MAX_BYTES
from forebay.sections import SECTIONS
from forebay.streams.section import StreamSpec
from tests.project.folder import PYTHON, Folder, codes, only


def test_words_that_yaml_takes_for_booleans_and_numbers_stay_words(folder: Folder) -> None:
    project = folder.good(
        "functions:\n"
        "  f:\n"
        "    handler: functions/f.lambda_handler\n"
        "    environment: {COUNTRY: NO, VERSION: 1.10, PORT: 0080, YES: on, EMPTY: ''}\n",
        {"functions/f.py": PYTHON},
    )
    assert project.of(FunctionSpec)["f"].environment == {
        "COUNTRY": "NO",
        "VERSION": "1.10",
        "PORT": "0080",
        "YES": "on",
        "EMPTY": "",
    }


def test_on_is_a_key_like_any_other(folder: Folder) -> None:
    project = folder.good(
        "streams: {s: {}}\nfunctions:\n  f: {handler: functions/f.lambda_handler, on: {stream: s}}\n",
        {"functions/f.py": PYTHON},
    )
    assert project.of(FunctionSpec)["f"].on[0].stream == "s"


def test_yes_is_no_boolean(folder: Folder) -> None:
    finding = only(folder.check("access: {unsigned: yes}\n"))
    assert (finding.code, finding.fix) == ("BadValue", "unsigned: true")


def test_a_key_that_is_there_twice_names_the_first(folder: Folder) -> None:
    finding = only(folder.check("streams:\n  a: {}\n  b: {}\n  a: {shards: 2}\n"))
    assert (finding.code, finding.line, finding.column) == ("DuplicateKey", 5, 3)
    assert "line 3" in finding.message


def test_a_tab_is_said_to_be_one(folder: Folder) -> None:
    finding = only(folder.check("streams:\n\ta: {}\n"))
    assert (finding.code, finding.line, finding.fix) == ("YamlTab", 3, "indent with spaces")


@pytest.mark.parametrize(
    "yaml",
    ["streams: [a: {", "streams: }", 'description: "open\n', "description: a: b\n", "- a\nb: c\n", "a: @b\n"],
)
def test_what_is_no_yaml_has_a_place(folder: Folder, yaml: str) -> None:
    finding = only(folder.check(yaml))
    assert finding.code == "YamlSyntax"
    assert finding.line > 1


def test_anchors_and_merges_work(folder: Folder) -> None:
    project = folder.good(
        "streams:\n  a: &usual {shards: 2, retention: 1h}\n  b: *usual\n  c: {<<: *usual, shards: 3}\n"
    )
    streams = project.of(StreamSpec)
    assert streams["b"] == streams["a"]
    assert streams["c"] == StreamSpec(shards=3, retention=3600.0)


def test_an_alias_inside_what_it_repeats(folder: Folder) -> None:
    assert only(folder.check("streams: &a\n  b: *a\n")).code == "UnknownAnchor"


def test_aliases_that_blow_up(folder: Folder) -> None:
    lines = ["description: x", "access:", "  a: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"  b{i}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]" for i in range(9)]
    assert only(folder.check("\n".join(lines))).code == "TooLarge"


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 50_000 + "a", "{a: " * 5_000])
def test_nesting_without_end(folder: Folder, text: str) -> None:
    assert codes(folder.check(f"description: x\naccess: {text}")) in (["TooDeep"], ["YamlSyntax"])


def test_two_documents(folder: Folder) -> None:
    finding = only(folder.check("streams: {}\n---\nstreams: {}\n"))
    assert (finding.code, finding.line) == ("SeveralDocuments", 3)


def test_a_tag_means_nothing(folder: Folder) -> None:
    assert "UnknownTag" in codes(folder.check("description: !!python/object:os.system {}\n"))
    assert "UnknownTag" in codes(folder.check("description: !secret x\n"))


def test_a_file_that_is_not_utf_8(folder: Folder) -> None:
    (folder.root / "forebay.yaml").write_bytes(b"name: shop\ndescription: caf\xe9\n")
    finding = only(load(folder.root, SECTIONS)[1])
    assert (finding.code, finding.line, finding.column) == ("NotUtf8", 2, 17)


def test_a_byte_order_mark_is_fine(folder: Folder) -> None:
    (folder.root / "forebay.yaml").write_bytes(b"\xef\xbb\xbfname: shop\n")
    assert load(folder.root, SECTIONS)[1] == []


def test_a_character_that_yaml_does_not_take(folder: Folder) -> None:
    (folder.root / "forebay.yaml").write_bytes(b"name: shop\ndescription: a\x00b\n")
    finding = only(load(folder.root, SECTIONS)[1])
    assert (finding.code, finding.line, finding.column) == ("YamlSyntax", 2, 15)
    assert "U+0000" in finding.message


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "Empty"), ("# nothing\n", "Empty"), ("- a\n", "WrongType"), ("shop\n", "WrongType")],
)
def test_a_file_that_is_no_mapping(folder: Folder, text: str, code: str) -> None:
    (folder.root / "forebay.yaml").write_text(text)
    assert only(load(folder.root, SECTIONS)[1]).code == code


def test_a_file_too_large(folder: Folder) -> None:
    (folder.root / "forebay.yaml").write_text("#" * (MAX_BYTES + 1))
    assert only(load(folder.root, SECTIONS)[1]).code == "FileTooLarge"


def test_a_folder_in_place_of_the_file(folder: Folder) -> None:
    (folder.root / "forebay.yaml").mkdir()
    assert only(load(folder.root, SECTIONS)[1]).code == "FileUnreadable"


def test_a_link_that_leads_to_itself(folder: Folder) -> None:
    (folder.root / "forebay.yaml").symlink_to("forebay.yaml")
    assert only(load(folder.root, SECTIONS)[1]).code == "FileUnreadable"


def test_a_collection_as_a_key(folder: Folder) -> None:
    assert only(folder.check("streams:\n  ? [a]\n  : {}\n")).code == "WrongType"


def test_free_form_values_are_read_as_json_would(folder: Folder) -> None:
    project = folder.good(
        "bus:\n  b:\n    rules:\n      r:\n        to: telemetry.log\n"
        "        when: {a: [1, 2.5, true, null, no, '3', 12:30, 2020-01-01]}\n"
    )
    rule = project.sections["bus"]["b"].rules["r"]  # type: ignore[attr-defined]
    assert rule.when == {"a": [1, 2.5, True, None, "no", "3", "12:30", "2020-01-01"]}


def test_a_block_of_sql_keeps_its_lines(folder: Folder) -> None:
    project = folder.good("query:\n  q: |\n    select 1\n    from t\n")
    assert project.sections["query"]["q"].sql == "select 1\nfrom t\n"  # type: ignore[attr-defined]


def test_names_of_columns_may_be_anything(folder: Folder) -> None:
    project = folder.good(
        "catalog:\n  t: {location: lake.shop/t/, format: json, columns: {on: string, 1: int, yes: double}}\n"
    )
    assert project.of(TableSpec)["t"].columns == {"on": "string", "1": "int", "yes": "double"}


def test_a_project_in_a_folder_with_spaces(tmp_path: Path) -> None:
    inner = Folder(tmp_path / "my project é")
    inner.root.mkdir()
    inner.good("streams: {s: {}}\n")
