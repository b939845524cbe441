"""Glue's schema registry through boto3: registries, schemas, versions by their compatibility, metadata."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.wire.glue import Json
from tests.wire.sdk import refused, serving

system = serving()

ACCOUNT = "arn:aws:glue:us-east-1:000000000000"


def avro(*fields: Json) -> str:
    return json.dumps({"type": "record", "name": "Person", "fields": list(fields)})


FIRST = {"name": "first", "type": "string"}
V1 = avro(FIRST)
V2 = avro(FIRST, {"name": "zip", "type": "string", "default": ""})
BROKEN = avro({"name": "other", "type": "string"})


@pytest.fixture
def registry(glue: Any) -> str:
    name = f"r-{uuid.uuid4().hex[:8]}"
    glue.create_registry(RegistryName=name)
    return name


@pytest.fixture
def schema(glue: Any, registry: str) -> Json:
    made = glue.create_schema(
        RegistryId={"RegistryName": registry},
        SchemaName="s",
        DataFormat="AVRO",
        Compatibility="BACKWARD",
        SchemaDefinition=V1,
        Tags={"team": "a"},
    )
    assert (made["SchemaStatus"], made["SchemaVersionStatus"]) == ("AVAILABLE", "AVAILABLE")
    assert (made["LatestSchemaVersion"], made["NextSchemaVersion"], made["SchemaCheckpoint"]) == (1, 2, 1)
    assert made["SchemaArn"] == f"{ACCOUNT}:schema/{registry}/s"
    assert glue.get_tags(ResourceArn=made["SchemaArn"])["Tags"] == {"team": "a"}
    return {"RegistryName": registry, "SchemaName": "s"}


def test_a_registry_is_made_changed_and_removed(glue: Any, registry: str) -> None:
    refused(
        "AlreadyExistsException",
        f"Registry already exists. RegistryName: {registry}",
        glue.create_registry,
        RegistryName=registry,
    )
    glue.update_registry(RegistryId={"RegistryName": registry}, Description="of clicks")
    arn = f"{ACCOUNT}:registry/{registry}"
    found = glue.get_registry(RegistryId={"RegistryArn": arn})
    assert (found["RegistryName"], found["Description"], found["Status"]) == (
        registry,
        "of clicks",
        "AVAILABLE",
    )
    assert registry in [one["RegistryName"] for one in glue.list_registries()["Registries"]]
    assert glue.delete_registry(RegistryId={"RegistryName": registry})["Status"] == "DELETING"
    refused(
        "EntityNotFoundException",
        f"Registry is not found. RegistryName: {registry}",
        glue.get_registry,
        RegistryId={"RegistryName": registry},
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"RegistryName": "A,B"},
            "The parameter value contains one or more characters that are not valid. Parameter Name: registryName",
        ),
        (
            {"RegistryName": "x" * 256},
            "The resource name contains too many or too few characters. Parameter Name: registryName",
        ),
        (
            {"RegistryName": "x", "Description": "x" * 2049},
            "The resource name contains too many or too few characters. Parameter Name: description",
        ),
        (
            {"RegistryName": "x", "Tags": {f"k{n}": "v" for n in range(51)}},
            "New Tags cannot be empty or more than 50",
        ),
    ],
)
def test_what_a_registry_cannot_be_is_refused_in_its_words(glue: Any, given: Json, said: str) -> None:
    refused("InvalidInputException", said, glue.create_registry, **given)


def test_a_schema_without_a_registry_is_in_the_default_one(glue: Any) -> None:
    made = glue.create_schema(SchemaName="d", DataFormat="JSON", Compatibility="NONE", SchemaDefinition="{}")
    assert made["SchemaArn"] == f"{ACCOUNT}:schema/default-registry/d"
    refused(
        "InvalidInputException",
        "Data format is not valid.",
        glue.create_schema,
        SchemaName="e",
        DataFormat="XML",
    )
    refused(
        "InvalidInputException",
        "Compatibility is not valid.",
        glue.create_schema,
        SchemaName="e",
        DataFormat="JSON",
        Compatibility="SOME",
    )


def test_a_version_that_is_not_compatible_has_failed_and_is_not_the_latest(glue: Any, schema: Json) -> None:
    second = glue.register_schema_version(SchemaId=schema, SchemaDefinition=V2)
    assert (second["VersionNumber"], second["Status"]) == (2, "AVAILABLE")
    again = glue.register_schema_version(
        SchemaId=schema, SchemaDefinition=json.dumps(json.loads(V1), indent=2)
    )
    assert again["VersionNumber"] == 1
    failed = glue.register_schema_version(SchemaId=schema, SchemaDefinition=BROKEN)
    assert (failed["VersionNumber"], failed["Status"]) == (3, "FAILURE")
    latest = glue.get_schema_version(SchemaId=schema, SchemaVersionNumber={"LatestVersion": True})
    assert (latest["VersionNumber"], latest["SchemaDefinition"]) == (2, V2)
    assert glue.get_schema_version(SchemaVersionId=failed["SchemaVersionId"])["Status"] == "FAILURE"
    listed = glue.list_schema_versions(SchemaId=schema)["Schemas"]
    assert [(one["VersionNumber"], one["Status"]) for one in listed] == [
        (1, "AVAILABLE"),
        (2, "AVAILABLE"),
        (3, "FAILURE"),
    ]
    assert (
        glue.get_schema_by_definition(SchemaId=schema, SchemaDefinition=V2)["SchemaVersionId"]
        == (second["SchemaVersionId"])
    )


def test_the_checkpoint_says_from_which_version_on_it_is_asked(glue: Any, schema: Json) -> None:
    glue.update_schema(SchemaId=schema, Compatibility="NONE")
    glue.register_schema_version(SchemaId=schema, SchemaDefinition=BROKEN)
    glue.update_schema(
        SchemaId=schema, Compatibility="BACKWARD_ALL", SchemaVersionNumber={"VersionNumber": 2}
    )
    assert glue.get_schema(SchemaId=schema)["SchemaCheckpoint"] == 2
    wider = avro({"name": "other", "type": "string"}, {"name": "n", "type": "int", "default": 0})
    assert glue.register_schema_version(SchemaId=schema, SchemaDefinition=wider)["Status"] == "AVAILABLE"


def test_versions_are_named_one_way_only(glue: Any, schema: Json) -> None:
    invalid = "InvalidInputException"
    refused(
        invalid,
        "At least one of (registryName and schemaName) or schemaArn has to be provided.",
        glue.get_schema_version,
    )
    refused(
        invalid,
        "One of version number (or) latest version is required.",
        glue.get_schema_version,
        SchemaId=schema,
    )
    refused(
        invalid,
        "Only one of VersionNumber or LatestVersion is required.",
        glue.get_schema_version,
        SchemaId=schema,
        SchemaVersionNumber={"VersionNumber": 1, "LatestVersion": True},
    )
    refused(
        invalid,
        "No other input parameters can be specified when fetching by SchemaVersionId.",
        glue.get_schema_version,
        SchemaId=schema,
        SchemaVersionId="00000000-0000-0000-0000-000000000000",
    )
    refused(
        "EntityNotFoundException",
        f"Schema is not found. RegistryName: {schema['RegistryName']}, SchemaName: none, SchemaArn: null",
        glue.get_schema_version,
        SchemaId={**schema, "SchemaName": "none"},
        SchemaVersionNumber={"VersionNumber": 1},
    )


def test_what_is_said_of_a_version(glue: Any, schema: Json) -> None:
    at = {"SchemaId": schema, "SchemaVersionNumber": {"VersionNumber": 1}}
    for n in range(10):
        pair = {"MetadataKey": "k", "MetadataValue": f"v{n}"}
        said = glue.put_schema_version_metadata(**at, MetadataKeyValue=pair)
        assert (said["VersionNumber"], said["MetadataValue"]) == (1, f"v{n}")
    info = glue.query_schema_version_metadata(**at)["MetadataInfoMap"]["k"]
    assert (info["MetadataValue"], len(info["OtherMetadataValueList"])) == ("v9", 9)
    refused(
        "AlreadyExistsException",
        f"Resource already exist for schema version id: {said['SchemaVersionId']},"
        " metadata key: k, metadata value: v9",
        glue.put_schema_version_metadata,
        **at,
        MetadataKeyValue=pair,
    )
    refused(
        "ResourceNumberLimitExceededException",
        "Your resource limits for Schema Version Metadata have been exceeded.",
        glue.put_schema_version_metadata,
        **at,
        MetadataKeyValue={"MetadataKey": "more", "MetadataValue": "v"},
    )
    glue.remove_schema_version_metadata(**at, MetadataKeyValue=pair)
    info = glue.query_schema_version_metadata(**at)["MetadataInfoMap"]["k"]
    assert (info["MetadataValue"], len(info["OtherMetadataValueList"])) == ("v8", 8)


def test_versions_and_schemas_are_removed(glue: Any, schema: Json) -> None:
    glue.register_schema_version(SchemaId=schema, SchemaDefinition=V2)
    diff = glue.get_schema_versions_diff(
        SchemaId=schema,
        FirstSchemaVersionNumber={"VersionNumber": 1},
        SecondSchemaVersionNumber={"LatestVersion": True},
        SchemaDiffType="SYNTAX_DIFF",
    )["Diff"]
    assert '+      "name": "zip",' in diff
    errors = glue.delete_schema_versions(SchemaId=schema, Versions="1-3")["SchemaVersionErrors"]
    assert [error["VersionNumber"] for error in errors] == [1, 3]
    assert glue.get_schema(SchemaId=schema)["LatestSchemaVersion"] == 1
    kept = glue.get_schema_version(SchemaId=schema, SchemaVersionNumber={"VersionNumber": 1})
    assert glue.delete_schema(SchemaId=schema)["Status"] == "DELETING"
    refused(
        "EntityNotFoundException",
        f"Schema version is not found. SchemaVersionId: {kept['SchemaVersionId']}",
        glue.get_schema_version,
        SchemaVersionId=kept["SchemaVersionId"],
    )


def test_whether_a_definition_is_one(glue: Any) -> None:
    assert glue.check_schema_version_validity(DataFormat="AVRO", SchemaDefinition=V1)["Valid"]
    answer = glue.check_schema_version_validity(DataFormat="PROTOBUF", SchemaDefinition="message {")
    assert not answer["Valid"]
    assert "line 1" in answer["Error"]
