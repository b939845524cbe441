"""A Lambda handler with Firehose's record contract."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from forebay.functions.section import FunctionSpec
from forebay.ports import Lines, Origin
from tests.functions.conftest import ARRIVAL, Project, Spec, events, failed, only_failure, origins, rows
from tests.functions.handlers import ANSWER, RESTAURANT

RETURN_THE_EVENT = """
    import base64, json

    def handler(event, context):
        text = base64.b64encode(json.dumps(event).encode()).decode()
        return {'records': [{'recordId': r['recordId'], 'result': 'Ok', 'data': text} for r in event['records']]}
"""


def test_the_event_has_the_shape_that_firehose_sends(project: Project) -> None:
    handler = project.handler(RETURN_THE_EVENT)
    event = rows(handler.apply(events({"a": 1}), origins(1)))[0]
    assert isinstance(event, dict)
    (record,) = event["records"]
    assert set(event) == {"invocationId", "deliveryStreamArn", "region", "records"}
    assert event["deliveryStreamArn"] == "arn:aws:firehose:us-east-1:000000000000:deliverystream/clicks"
    assert event["region"] == "us-east-1"
    assert set(record) == {"recordId", "approximateArrivalTimestamp", "data"}
    assert record["approximateArrivalTimestamp"] == ARRIVAL // 1000
    assert base64.b64decode(record["data"]) == b'{"a":1}'


def test_a_record_of_a_stream_says_where_it_stood(project: Project) -> None:
    handler = project.handler(RETURN_THE_EVENT)
    place = Origin("streams.activity", 3, 77, ARRIVAL, b"user-1")
    event = rows(handler.apply(events({}), [place]))[0]
    assert isinstance(event, dict)
    assert event["sourceKinesisStreamArn"] == "arn:aws:kinesis:us-east-1:000000000000:stream/activity"
    assert event["records"][0]["kinesisRecordMetadata"] == {
        "sequenceNumber": "77",
        "subsequenceNumber": 0,
        "partitionKey": "user-1",
        "shardId": "shardId-000000000003",
        "approximateArrivalTimestamp": ARRIVAL // 1000,
    }


def test_the_real_restaurant_handler_works_invocation_after_invocation(project: Project) -> None:
    handler = project.handler(RESTAURANT)
    for n in range(3):
        outcome = handler.apply(events({"n": n}, {"n": n + 100}), origins(2, first=2 * n))
        assert rows(outcome) == [{"n": n}, {"n": n + 100}]
        assert isinstance(outcome.output, Lines)
        assert all(line.endswith(b"\n") for line in outcome.output.data)
        assert not outcome.failed
        assert bool(outcome.warnings) == (n > 0), "old recordIds are ignored, and that is said"
    assert handler.stats()["starts"] == 1


def test_each_result_has_its_end(project: Project) -> None:
    handler = project.handler(
        ANSWER
        + """
    def handler(event, context):
        return {'records': [{**answer(r), 'result': load(r)['result']} for r in event['records']]}
    """
    )
    results = ("Ok", "Dropped", "ProcessingFailed", "Fine", None)
    outcome = handler.apply(events(*({"result": result} for result in results)), origins(5))
    assert list(outcome.output.source) == [0]
    assert outcome.dropped == [1]
    assert failed(outcome) == [
        (2, "Lambda.ProcessingFailedStatus"),
        (3, "Lambda.JsonProcessingException"),
        (4, "Lambda.JsonProcessingException"),
    ]


def test_ids_that_are_missing_fail_and_the_last_of_a_repeated_id_counts(project: Project) -> None:
    handler = project.handler(
        ANSWER
        + """
    def handler(event, context):
        first, second, third = event['records']
        late = base64.b64encode(b'"late"').decode()
        return {'records': [answer(third), answer(first), answer(third, data=late), {'recordId': 'made-up'}, 7]}
    """
    )
    outcome = handler.apply(events("a", "b", "c"), origins(3))
    assert rows(outcome) == ["a", "late"]
    assert outcome.output.source == [0, 2]
    assert failed(outcome) == [(1, "Lambda.MissingRecordId")]
    assert len(outcome.warnings) == 1


@pytest.mark.parametrize("data", ["None", "12", "'no base64!'", "'YWJ'", "b'\\xff'", "{}"])
def test_data_that_is_not_base64_fails_its_record_alone(project: Project, data: str) -> None:
    handler = project.handler(
        ANSWER
        + f"""
    def handler(event, context):
        return {{'records': [answer(r, data={data}) if load(r) else answer(r) for r in event['records']]}}
    """
    )
    outcome = handler.apply(events(False, True, False), origins(3))
    assert rows(outcome) == [False, False]
    assert failed(outcome) == [(1, "Lambda.JsonProcessingException")]


def test_base64_with_line_breaks_is_read(project: Project) -> None:
    handler = project.handler(
        """
    import base64

    def handler(event, context):
        data = base64.encodebytes(b'1' * 100)
        return {'records': [{'recordId': r['recordId'], 'result': 'Ok', 'data': data} for r in event['records']]}
    """
    )
    outcome = handler.apply(events(0), origins(1))
    assert isinstance(outcome.output, Lines)
    assert outcome.output.data == [b"1" * 100]


def test_partition_keys_travel_with_their_record(project: Project) -> None:
    handler = project.handler(
        ANSWER
        + """
    def handler(event, context):
        return {'records': [
            answer(r, metadata={'partitionKeys': load(r)}) if load(r) else answer(r) for r in event['records']
        ]}
    """
    )
    outcome = handler.apply(events({"day": "mon"}, None, {"day": 1}), origins(3))
    assert isinstance(outcome.output, Lines)
    assert outcome.output.partition_keys == [{"day": "mon"}, None]
    assert outcome.output.source == [0, 1]
    assert only_failure(outcome).reason == "metadata.partitionKeys must map strings to strings"


def test_record_ids_are_unique_and_the_same_when_a_batch_is_tried_again(project: Project) -> None:
    source = """
    import base64, pathlib

    def handler(event, context):
        ids = [r['recordId'] for r in event['records']]
        with pathlib.Path('ids').open('a') as file:
            file.write(' '.join(ids) + '\\n')
        if len(pathlib.Path('ids').read_text().splitlines()) == 1:
            raise RuntimeError('not yet')
        return {'records': [{'recordId': i, 'result': 'Dropped'} for i in ids]}
    """
    handler = project.handler(source)
    assert handler.apply(events(1, 2), origins(2)).dropped == [0, 1]
    handler.apply(events(3, 4), origins(2, first=2))
    first, again, other = (line.split() for line in (project.root / "ids").read_text().splitlines())
    assert first == again
    assert len({*first, *other}) == 4


def test_the_context_is_the_one_that_aws_documents(project: Project) -> None:
    handler = project.handler(
        """
    import base64, json, time

    def handler(event, context):
        seen = {name: getattr(context, name) for name in (
            'function_name', 'function_version', 'invoked_function_arn', 'memory_limit_in_mb', 'aws_request_id',
            'log_group_name', 'log_stream_name', 'client_context')}
        seen['identity'] = context.identity.cognito_identity_id
        seen['remaining'] = context.get_remaining_time_in_millis()
        data = base64.b64encode(json.dumps(seen).encode()).decode()
        return {'records': [{'recordId': r['recordId'], 'result': 'Ok', 'data': data} for r in event['records']]}
    """,
        timeout=20.0,
    )
    context = rows(handler.apply(events(1), origins(1)))[0]
    assert isinstance(context, dict)
    assert 15_000 < context.pop("remaining") <= 20_000
    assert len(context.pop("aws_request_id")) == 36
    assert "[$LATEST]" in context.pop("log_stream_name")
    assert context == {
        "function_name": "clicks",
        "function_version": "$LATEST",
        "invoked_function_arn": "arn:aws:lambda:us-east-1:000000000000:function:clicks",
        "memory_limit_in_mb": "256",
        "log_group_name": "/aws/lambda/clicks",
        "identity": None,
        "client_context": None,
    }


@pytest.mark.parametrize(
    ("handler", "file"),
    [
        ("clean.lambda_handler", "clean.py"),
        ("functions/clean.lambda_handler", "functions/clean.py"),
        ("functions.clean.lambda_handler", "functions/clean.py"),
        ("functions/deep/down/clean.lambda_handler", "functions/deep/down/clean.py"),
        ("functions/clean.lambda_handler", "functions/clean/__init__.py"),
        ("json.lambda_handler", "json.py"),
        ("my-functions/a b.lambda_handler", "my-functions/a b.py"),
    ],
)
def test_a_handler_is_found_by_its_path(project: Project, handler: str, file: str) -> None:
    project.write(file, "def lambda_handler(event, context): return {'records': []}")
    outcome = project.open(Spec("lambda", handler)).apply(events(1), origins(1))
    assert failed(outcome) == [(0, "Lambda.MissingRecordId")], "it was found, called, and answered nothing"


def test_a_handler_imports_its_neighbours_and_reads_the_projects_files(project: Project) -> None:
    project.write("menu.txt", "soup")
    project.write("lib/names.py", "from functions.other import SUFFIX")
    project.write("functions/other.py", "SUFFIX = '!'")
    project.write(
        "functions/helper.py", "from pathlib import Path\ndef dish(): return Path('menu.txt').read_text()"
    )
    handler = project.handler(
        """
    import base64
    from helper import dish
    from lib.names import SUFFIX
    from .other import SUFFIX as same

    def handler(event, context):
        data = base64.b64encode(f'"{dish()}{SUFFIX}{same}"'.encode())
        return {'records': [{'recordId': r['recordId'], 'result': 'Ok', 'data': data} for r in event['records']]}
    """
    )
    assert rows(handler.apply(events(1), origins(1))) == ["soup!!"]


def test_a_declared_function_brings_its_own_settings_and_workers(project: Project, tmp_path: Path) -> None:
    project.write(
        "functions/h.py",
        """
    import os, time

    def handler(event, context):
        if len(event['records']) > 1:
            raise ValueError('one at a time')
        open(f'pid-{os.getpid()}', 'w').close()
        deadline = time.monotonic() + 5
        while len([f for f in os.listdir('.') if f.startswith('pid-')]) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        return {'records': [{'recordId': event['records'][0]['recordId'], 'result': 'Ok',
                             'data': event['records'][0]['data']}]}
    """,
    )
    spec = FunctionSpec(handler="functions/h.handler", workers=2)
    transform = project.open(Spec("lambda", function="clean"), {"clean": spec})
    records = [b'"%s"' % (bytes([97 + i]) * 700_000) for i in range(4)]
    outcome = transform.apply(records, origins(4))
    assert isinstance(outcome.output, Lines)
    assert outcome.output.data == records, "in order, though two worked at once"
    assert len(list(project.root.glob("pid-*"))) == 2
    assert project.log("clean").count("START RequestId") == 4


def test_an_empty_batch_is_nothing_to_do(project: Project) -> None:
    handler = project.handler(RESTAURANT)
    outcome = handler.apply([], [])
    assert (rows(outcome), outcome.failed, handler.stats()["starts"]) == ([], [], 0)
