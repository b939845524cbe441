"""Anomaly detectors: what a band is learned for. Bands learn by themselves, so that a detector is a note of the wish."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import orjson

from forebay.alerts.band import LEAST, PAST
from forebay.telemetry.metric_query import Asked as Query
from forebay.telemetry.metric_query import AskedMetric, answer
from forebay.wire.cloudwatch.base import SERVICE, conflicting, invalid, missing
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

KIND = "cloudwatch.detector"
MOST = 100
PERIOD = 300
_PARTIAL = "the band learns from all of the metric's past; excluded ranges and characteristics are only kept"


@SERVICE.operation("PutAnomalyDetector", partial=_PARTIAL)
async def put_anomaly_detector(asked: Asked, given: Json) -> Json:
    """Note a detector."""
    detector = _detector(given)
    id = _id(detector)
    kept = {**detector, "Configuration": _plain(given.get("Configuration"))}
    if given.get("MetricCharacteristics"):
        kept["MetricCharacteristics"] = given["MetricCharacteristics"]
    asked.system.documents.put(KIND, id, kept)
    return {"AnomalyDetectorId": id}


@SERVICE.operation("DeleteAnomalyDetector")
async def delete_anomaly_detector(asked: Asked, given: Json) -> None:
    """Forget a detector."""
    id = given.get("AnomalyDetectorId") or _id(_detector(given))
    if not asked.system.documents.delete(KIND, id):
        raise AwsError("ResourceNotFoundException", "The anomaly detector does not exist", http=404)


@SERVICE.operation("DescribeAnomalyDetectors")
async def describe_anomaly_detectors(asked: Asked, given: Json) -> Json:
    """The detectors there are, and whether enough was seen to learn from."""
    kinds = given.get("AnomalyDetectorTypes") or ["SINGLE_METRIC"]
    chosen = []
    for id, kept in asked.system.documents.all(KIND):
        single = kept.get("SingleMetricAnomalyDetector")
        if ("SINGLE_METRIC" if single else "METRIC_MATH") not in kinds:
            continue
        if given.get("AnomalyDetectorIds") and id not in given["AnomalyDetectorIds"]:
            continue
        if any(
            given.get(part) and (single or {}).get(part) != given[part]
            for part in ("Namespace", "MetricName")
        ):
            continue
        if given.get("Dimensions") and (single or {}).get("Dimensions", []) != given["Dimensions"]:
            continue
        chosen.append((id, kept))
    token = given.get("NextToken")
    if token is not None:
        chosen = [each for each in chosen if each[0] > token]
    size = given.get("MaxResults") or MOST
    page = chosen[:size]
    found = [await _described(asked, id, kept) for id, kept in page]
    return {"AnomalyDetectors": found, **({"NextToken": page[-1][0]} if len(chosen) > size else {})}


async def _described(asked: Asked, id: str, kept: Json) -> Json:
    single = kept.get("SingleMetricAnomalyDetector")
    found: Json = {"AnomalyDetectorId": id, **kept, "StateValue": await _state(asked, single)}
    if single is not None:
        found |= {part: single.get(part) for part in ("Namespace", "MetricName", "Stat")}
        found["Dimensions"] = single.get("Dimensions") or []
    return found


async def _state(asked: Asked, single: Json | None) -> str:
    """TRAINED once there is what a band needs."""
    if single is None:
        return "PENDING_TRAINING"
    dimensions = {each["Name"]: each["Value"] for each in single.get("Dimensions") or ()}
    metric = AskedMetric(single["Namespace"], single["MetricName"], dimensions)
    query = Query("m", metric=metric, stat="SampleCount", period=PERIOD)
    end = int(time.time())
    (series,) = await asked.system.metrics.read(
        lambda reading: answer(reading, [query], end - PAST, end + PERIOD)
    )
    return "TRAINED" if len(series.points) >= LEAST else "TRAINED_INSUFFICIENT_DATA"


def _detector(given: Json) -> Json:
    """What is detected, in the one form that is kept. Raises AwsError."""
    single, several = given.get("SingleMetricAnomalyDetector"), given.get("MetricMathAnomalyDetector")
    old = {part: given[part] for part in ("Namespace", "MetricName", "Dimensions", "Stat") if given.get(part)}
    if sum(bool(each) for each in (single, several, old)) > 1:
        raise conflicting(
            "Only one of SingleMetricAnomalyDetector, MetricMathAnomalyDetector and the members of a metric may be set"
        )
    if several:
        queries = several.get("MetricDataQueries") or []
        if len([each for each in queries if each.get("ReturnData", True)]) != 1:
            raise invalid("Exactly one element of MetricDataQueries should return data.")
        return {"MetricMathAnomalyDetector": several}
    found = single or old
    for part in ("Namespace", "MetricName", "Stat"):
        if not found.get(part):
            raise missing(f"The parameter {part} is required.")
    return {"SingleMetricAnomalyDetector": {part: found[part] for part in _PARTS if found.get(part)}}


_PARTS = ("AccountId", "Namespace", "MetricName", "Dimensions", "Stat")


def _id(detector: Json) -> str:
    return hashlib.sha256(orjson.dumps(detector, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _plain(configuration: Any) -> Json:
    """A configuration without what JSON does not have: its times in UTC seconds."""
    if not configuration:
        return {}
    ranges = [
        {part: each[part].timestamp() for part in ("StartTime", "EndTime")}
        for each in configuration.get("ExcludedTimeRanges") or ()
    ]
    return {**configuration, **({"ExcludedTimeRanges": ranges} if ranges else {})}
