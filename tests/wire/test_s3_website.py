"""A bucket as a website: pages, redirects, errors that are pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.harness import Answer, System, request
from tests.wire.s3 import new_bucket, refused
from tests.wire.sdk import serving

system = serving("name: sites\n")


@pytest.fixture
def bucket(s3: Any) -> str:
    """A site with an index, a folder and a page for what is not there."""
    name = new_bucket(s3)
    config = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "sorry.html"}}
    s3.put_bucket_website(Bucket=name, WebsiteConfiguration=config)
    for key, body in (("index.html", b"home"), ("docs/index.html", b"docs"), ("sorry.html", b"sorry")):
        s3.put_object(Bucket=name, Key=key, Body=body, ContentType="text/html")
    return name


def visit(
    system: System, bucket: str, path: str, method: str = "GET", host: str = "s3-website", **headers: str
) -> Answer:
    """What a browser gets."""
    url = system.urls["aws"]
    named = f"{bucket}.{host}.localhost:{urlsplit(url).port}"
    return request(url + path, method, headers={"Host": named, **headers})


def test_pages_and_the_index_of_each_folder(system: System, bucket: str) -> None:
    for path, body in (("/", b"home"), ("/index.html", b"home"), ("/docs/", b"docs")):
        answer = visit(system, bucket, path)
        assert (answer.status, answer.body, answer.headers["content-type"]) == (200, body, "text/html")
    assert visit(system, bucket, "/", host="s3-website-us-east-1").body == b"home"
    answer = visit(system, bucket, "/docs")
    assert (answer.status, answer.headers["location"]) == (302, "/docs/")
    etag = visit(system, bucket, "/").headers["etag"]
    assert visit(system, bucket, "/", **{"If-None-Match": etag}).status == 304
    assert (visit(system, bucket, "/", "HEAD").status, visit(system, bucket, "/", "HEAD").body) == (200, b"")


def test_what_is_not_there_is_a_page_too(system: System, s3: Any, bucket: str) -> None:
    answer = visit(system, bucket, "/none")
    assert (answer.status, answer.body) == (404, b"sorry")
    s3.delete_object(Bucket=bucket, Key="sorry.html")
    answer = visit(system, bucket, "/%3Cnone%3E")
    assert answer.status == 404
    assert b"<li>Code: NoSuchKey</li>" in answer.body
    assert b"&lt;none&gt;" in answer.body
    assert b"An Error Occurred While Attempting to Retrieve a Custom Error Document" in answer.body
    assert visit(system, bucket, "/", "POST").status == 405
    s3.delete_bucket_website(Bucket=bucket)
    assert b"NoSuchWebsiteConfiguration" in visit(system, bucket, "/").body
    assert b"NoSuchBucket" in visit(system, "no-such-bucket-here", "/").body


def test_redirects_by_rule_by_object_and_of_everything(system: System, s3: Any, bucket: str) -> None:
    def redirect(*rules: dict[str, Any]) -> None:
        config = {"IndexDocument": {"Suffix": "index.html"}, "RoutingRules": list(rules)}
        s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=config)

    redirect(
        {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "docs/"}},
        {
            "Condition": {"HttpErrorCodeReturnedEquals": "404"},
            "Redirect": {"HostName": "shop.example", "ReplaceKeyWith": "lost", "HttpRedirectCode": "307"},
        },
    )
    answer = visit(system, bucket, "/old/a?b=1")
    assert answer.status == 301
    assert answer.headers["location"].endswith("/docs/a?b=1")
    answer = visit(system, bucket, "/none")
    assert (answer.status, answer.headers["location"]) == (307, "http://shop.example/lost")
    s3.put_object(Bucket=bucket, Key="moved", WebsiteRedirectLocation="/index.html")
    assert visit(system, bucket, "/moved").headers["location"] == "/index.html"
    everything = {"RedirectAllRequestsTo": {"HostName": "shop.example", "Protocol": "https"}}
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=everything)
    assert visit(system, bucket, "/any").headers["location"] == "https://shop.example/any"
    assert (
        s3.get_bucket_website(Bucket=bucket)["RedirectAllRequestsTo"] == everything["RedirectAllRequestsTo"]
    )


@pytest.mark.parametrize(
    ("code", "config"),
    [
        ("InvalidArgument", {"ErrorDocument": {"Key": "e"}}),
        ("InvalidArgument", {"IndexDocument": {"Suffix": "/i"}}),
        ("MalformedXML", {"IndexDocument": {"Suffix": "i"}, "RoutingRules": []}),
        (
            "InvalidRequest",
            {
                "IndexDocument": {"Suffix": "i"},
                "RoutingRules": [{"Redirect": {"ReplaceKeyPrefixWith": "a", "ReplaceKeyWith": "b"}}],
            },
        ),
        (
            "InvalidArgument",
            {"RedirectAllRequestsTo": {"HostName": "h"}, "IndexDocument": {"Suffix": "i"}},
        ),
        ("InvalidRequest", {"RedirectAllRequestsTo": {"HostName": "h", "Protocol": "ftp"}}),
    ],
)
def test_configurations_that_are_none(s3: Any, bucket: str, code: str, config: dict[str, Any]) -> None:
    refused(code, s3.put_bucket_website, 400, Bucket=bucket, WebsiteConfiguration=config)


@pytest.mark.parametrize("call", ["put_object", "create_multipart_upload", "copy_object"])
def test_an_object_redirects_to_a_page_or_a_site(s3: Any, bucket: str, call: str) -> None:
    of = {"CopySource": f"{bucket}/index.html"} if call == "copy_object" else {}
    made = {"Bucket": bucket, "Key": "moved", **of}
    error = refused("InvalidRedirectLocation", getattr(s3, call), 400, **made, WebsiteRedirectLocation="foo")
    assert "must have a prefix of 'http://' or 'https://' or '/'." in error["Message"]
    for to in ("/k", "http://a.example/", "https://a.example/"):
        getattr(s3, call)(**made, WebsiteRedirectLocation=to)
