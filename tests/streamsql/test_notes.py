"""A Zeppelin note is given as it is: its SQL paragraphs run, its SELECTs are questions, what is wrong has its paragraph."""

from __future__ import annotations

import json
from pathlib import Path

from forebay.project.load import load
from forebay.project.model import Project
from forebay.running.follow_tables import noted
from forebay.sections import SECTIONS
from forebay.streamsql.section import StreamSqlSpec
from tests.projects import project
from tests.streamsql.cases import SOURCE, TUMBLE, sink

PROJECT = """\
name: shop
streams:
  activity: {}
  found: {}
streamsql:
  bots: notes/bots.zpln
"""
COUNTED = f"SELECT user_id, COUNT(*) FROM {TUMBLE} GROUP BY window_start, window_end, user_id"


def note(*texts: str) -> str:
    """As Zeppelin writes it, with signs escaped."""
    paragraphs = [
        {"text": text, "config": {"enabled": True}, "id": f"p{at}"} for at, text in enumerate(texts)
    ]
    shown = json.dumps({"paragraphs": paragraphs, "name": "bots", "id": "2H"}, indent=2)
    return shown.replace("=", "\\u003d").replace("'", "\\u0027")


def checked(folder: Path, text: str) -> tuple[Project | None, list[tuple[str, str, str, int, str]]]:
    found, findings = load(project(folder, PROJECT, **{"notes/bots.zpln": text}), SECTIONS)
    return found, [(each.severity, each.code, each.message, each.line, each.why or "") for each in findings]


def test_the_paragraphs_of_a_note_run_as_one_file(tmp_path: Path) -> None:
    text = note(
        "%md\n# Bots",
        f"%flink.ssql(type=update)\n{SOURCE};\n{sink('user_id BIGINT, n BIGINT')}",
        f"%flink.ssql(type=update)\n{COUNTED}",
        f"%flink.ssql(parallelism=1)\nINSERT INTO found {COUNTED};\n",
        "",
    )
    found, findings = checked(tmp_path, text)
    assert findings == []
    assert found is not None
    spec = found.of(StreamSqlSpec)["bots"]
    assert list(spec.inserts) == ["streams.found"]


def test_a_question_that_does_not_run_is_a_warning_and_an_insert_an_error_at_its_paragraph(
    tmp_path: Path,
) -> None:
    tables = f"%flink.ssql\n{SOURCE};\n{sink('user_id BIGINT, n BIGINT')};"
    unknown = "%flink.ssql(type=update)\nSELECT user_id,\nUUID() FROM activity"
    runs = f"%flink.ssql\nINSERT INTO found {COUNTED}"
    _, findings = checked(tmp_path, note(tables, unknown, runs))
    ((severity, code, message, line, why),) = findings
    assert (severity, code) == ("warning", "StreamSqlNotSupported")
    assert message == "the function UUID does not run here"
    assert (line, why) == (11, "paragraph 2, line 3, column 1")
    _, findings = checked(
        tmp_path, note(tables, "%flink.ssql\nINSERT INTO found SELECT UUID(), 1 FROM activity")
    )
    assert [(each[0], each[2], each[4]) for each in findings] == [
        ("error", "the function UUID does not run here", "paragraph 2, line 2, column 26")
    ]


def test_a_question_whose_rows_change_runs_in_a_note_and_as_an_insert_is_refused(tmp_path: Path) -> None:
    tables = f"%flink.ssql\n{SOURCE};\n{sink('user_id BIGINT, n BIGINT')};"
    updating = "SELECT user_id, COUNT(*)\nFROM activity GROUP BY user_id"
    live = (
        f"%flink.ssql(type=update)\nSET 'table.exec.state.ttl' = '1 h';\n{updating} ORDER BY 2 DESC LIMIT 5"
    )
    runs = f"%flink.ssql\nINSERT INTO found {COUNTED}"
    assert checked(tmp_path, note(tables, f"%flink.ssql(type=update)\n{updating}", live, runs))[1] == []
    _, findings = checked(tmp_path, note(tables, f"%flink.ssql\nINSERT INTO found {updating}"))
    ((severity, code, message, *_, why),) = findings
    assert (severity, code, why) == ("error", "StreamSqlInvalid", "paragraph 2, line 3, column 24")
    assert message == (
        "Table sink 'found' doesn't support consuming update changes which is produced by node "
        "GroupAggregate(groupBy=[user_id])"
    )


def test_the_questions_of_a_note_are_there_to_be_asked_with_what_is_set_before_them(tmp_path: Path) -> None:
    tables = f"%flink.ssql\n{SOURCE};\n{sink('user_id BIGINT, n BIGINT')};"
    counted = "SELECT kind, COUNT(*)\nFROM activity GROUP BY kind"
    unknown = "%flink.ssql\nSELECT UUID() FROM activity"
    asks = f"%flink.ssql\n{COUNTED};\nSET 'table.exec.state.ttl' = '1 h';\n{counted};"
    found, _ = checked(tmp_path, note(tables, unknown, asks, f"%flink.ssql\nINSERT INTO found {COUNTED}"))
    assert found is not None
    assert noted(found) == [
        {"name": "bots 2", "sql": COUNTED},
        {"name": "bots 3", "sql": f"SET 'table.exec.state.ttl' = '1 h';\n{counted}"},
    ]


def test_a_paragraph_of_another_language_is_named(tmp_path: Path) -> None:
    _, findings = checked(tmp_path, note("%flink.pyflink\nprint(1)"))
    assert [each[2] for each in findings] == [
        "paragraph 1, which begins with %flink.pyflink, does not run here"
    ]
    _, findings = checked(tmp_path, "[]")
    assert [each[1:3] for each in findings] == [("StreamSqlNote", "this is no Zeppelin note")]
