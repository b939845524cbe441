"""Which service, operation and protocol a request asks for.

json: `X-Amz-Target: Kinesis_20131202.PutRecords`, also with a body in CBOR, as AWS's Java SDK speaks to Kinesis;
rpc-v2-cbor: `POST /service/<name>/operation/<name>`; query:
`Action=` in a form; REST: the method and path against the model's URIs, for the service that the
signature's scope or the path itself names. What fits none of these is S3's, as on a bare endpoint.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from forebay.arn import REGION
from forebay.wire.protocol.message import AwsError, Request
from forebay.wire.protocol.model import service_model, wire_name
from forebay.wire.protocol.uris import fits_uri

TARGETS: Mapping[str, str] = {
    "Kinesis_20131202": "kinesis",
    "Firehose_20150804": "firehose",
    "AWSEvents": "events",
    "AWSGlue": "glue",
    "AmazonAthena": "athena",
    "Logs_20140328": "logs",
    "DynamoDB_20120810": "dynamodb",
    "AmazonSQS": "sqs",
    "GraniteServiceVersion20100801": "cloudwatch",
    "AmazonSSM": "ssm",
    "AWSStepFunctions": "stepfunctions",
    "secretsmanager": "secretsmanager",
    "TrentService": "kms",
}
_QUERY_VERSIONS = {
    "2010-05-08": "iam",
    "2011-06-15": "sts",
    "2010-03-31": "sns",
    "2010-08-01": "cloudwatch",
    "2012-11-05": "sqs",
}
# What SNS's mails and notifications link to.
_LINKS = {"ConfirmSubscription": "sns", "Unsubscribe": "sns"}
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-f]{32}\.pem")
_SCOPE = re.compile(r"(?:Credential=|^)[^/,\s]*/\d{8}/[^/]+/([a-z0-9-]+)/aws4_request")
_REGION = re.compile(r"Credential=[^,&\s]*?/\d{8}/([a-z0-9-]+)/[a-z0-9-]+/aws4_request")
_SIGNED_AS = {"monitoring": "cloudwatch"}
# A Lambda path begins with its API's date; a bucket may be named like one, and then the signature tells.
_LAMBDA_PATH = re.compile(
    r"/20\d\d-\d\d-\d\d/(?:account-settings|capacity-providers|code-signing-configs|durable-execution-callbacks|durable-executions"
    r"|event-source-mappings|functions|layers|resource-policy|tags)(?:/|$)"
)


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked. `operation` is '' where it could not be told."""

    service: str
    operation: str
    protocol: str


def detect(request: Request) -> Call:
    """The call that `request` makes. Raises AwsError for a target that AWS itself does not know, or that is not POSTed to."""
    if request.website:
        return Call("s3", "WebsiteObject", "rest-xml")
    if request.method == "GET" and _CERTIFICATE.fullmatch(request.path):
        return Call("sns", "SigningCertificate", "query")
    target = request.headers.get("x-amz-target")
    if target and request.method != "POST":  # a page may have a browser GET what it likes
        message = "Unable to determine service/operation name to be authorized"
        raise AwsError("AccessDeniedException", message, http=403)
    if target:
        prefix, _, operation = target.rpartition(".")
        service = TARGETS.get(prefix, prefix.partition("_")[0].lower())
        if prefix in TARGETS and operation not in service_model(service).operation_names:
            raise AwsError("UnknownOperationException", f"Unknown operation {operation}", http=400)
        cbor = request.headers.get("content-type", "").startswith("application/x-amz-cbor-1.1")
        return Call(service, operation, "cbor" if cbor else "json")
    rpc = re.fullmatch(r"/service/([^/]+)/operation/([^/]+)", request.path)
    if rpc and request.method == "POST":
        return Call(TARGETS.get(rpc[1], rpc[1].lower()), rpc[2], "smithy-rpc-v2-cbor")
    signed = _signed_for(request)
    if signed in ("", "lambda") and (signed or _LAMBDA_PATH.match(request.path)):
        return Call("lambda", rest_operation("lambda", request), "rest-json")
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded") or (
        request.method in ("GET", "POST") and request.path == "/" and "Action=" in request.query
    ):
        form = dict(parse_qsl(request.unpacked().decode("utf-8", "replace"), keep_blank_values=True)) | dict(
            request.parameters()
        )
        if "Action" in form:
            service = signed or _QUERY_VERSIONS.get(form.get("Version", "")) or _LINKS.get(form["Action"], "")
            return Call(service, form["Action"], "query")
    if signed not in ("", "s3"):
        return Call(signed, "", "rest-json")
    return Call("s3", "", "rest-xml")


def signed_region(request: Request) -> str:
    """The region that the signature is for; that of the system's ARNs if it is not signed."""
    signed = request.headers.get("authorization") or (unquote(request.query) if request.query else "")
    found = _REGION.search(signed)
    return found[1] if found else REGION


def _signed_for(request: Request) -> str:
    header = request.headers.get("authorization", "")
    found = _SCOPE.search(header)
    if found is None:
        for key, value in request.parameters():
            if key == "X-Amz-Credential":
                found = _SCOPE.search(value)
    name = found[1] if found else ""
    return _SIGNED_AS.get(name, name)


@functools.cache
def _routes(service: str) -> Mapping[str, list[tuple[str, str, frozenset[tuple[str, str]]]]]:
    """By method: path, operation, and the parameters without which it is another."""
    routes = []
    model = service_model(service)
    for name in model.operation_names:
        http = model.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        needs = frozenset(parse_qsl(query, keep_blank_values=True)) | _required(service, name)
        routes.append((http["method"], path, name, needs))
    # More literal paths, and more required parameters, first.
    routes.sort(key=lambda route: (-len(route[3]), route[1].count("{"), -len(route[1])))
    by_method: dict[str, list[tuple[str, str, frozenset[tuple[str, str]]]]] = {}
    for method, path, name, needs in routes:
        by_method.setdefault(method, []).append((path, name, needs))
    return by_method


_NAMELESS = ("PutObjectAnnotation", "DeleteObjectAnnotation")
"""Without the name of an annotation these are refused: they are no PutObject and no DeleteObject."""


def _required(service: str, name: str) -> frozenset[tuple[str, str]]:
    """Parameters without which it is another operation: S3 tells UploadPart from PutObject by them only."""
    shape = service_model(service).operation_model(name).input_shape
    if service != "s3" or shape is None or name in _NAMELESS:
        return frozenset()
    members = ((each, shape.members[each]) for each in shape.required_members)
    return frozenset(
        (wire_name(each, member), "")
        for each, member in members
        if member.serialization.get("location") == "querystring"
    )


@functools.cache
def _selectors(service: str) -> frozenset[str]:
    """The parameters that say what of a resource is meant: S3's subresources, and uploads and their parts."""
    if service != "s3":
        return frozenset()
    model = service_model(service)
    queries = (
        model.operation_model(name).http["requestUri"].partition("?")[2] for name in model.operation_names
    )
    first = {parse_qsl(query, keep_blank_values=True)[0][0] for query in queries if query}
    return frozenset(first - {"list-type"} | {"uploadId", "partNumber"})


def selectors(service: str, request: Request) -> list[str]:
    """Those that a request has, in order."""
    return sorted(_named(service, request, request.parameters()))


def _named(service: str, request: Request, given: Iterable[tuple[str, str]]) -> Collection[str]:
    found = {name for name, _ in given} & _selectors(service)
    # A part's number alone is no selector, as parts of objects are read by it; and nothing is one of the service.
    return () if found == {"partNumber"} or request.path == "/" else found


def methods(service: str, request: Request) -> list[str]:
    """The methods that what `request` names has."""
    named, every = set(selectors(service, request)), _selectors(service)
    return [
        method
        for method, routes in _routes(service).items()
        if any(
            fits_uri(path, request.path) and {name for name, _ in needs} & every == named
            for path, _, needs in routes
        )
    ]


def rest_operation(service: str, request: Request) -> str:
    """The operation whose method and URI fit; '' if none does.

    What a query names is not the whole: `DELETE /bucket?acl` deletes no bucket.
    """
    given = request.parameters()
    named = _named(service, request, given) if given else ()
    for path, name, needs in _routes(service).get(request.method, ()):
        if (needs and not given) or not fits_uri(path, request.path):
            continue
        if named and not {key for key, _ in needs}.issuperset(named):
            continue
        if all(any(k == key and (not v or v == value) for key, value in given) for k, v in needs):
            return name
    return ""
