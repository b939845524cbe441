"""What Glue only keeps, through boto3: connections, security configurations, encryption, the catalog's policy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.wire.glue import Json
from tests.wire.sdk import refused, serving

system = serving()


def connection(name: str, **more: Any) -> Json:
    properties = {"USERNAME": "admin", "PASSWORD": "hunter2", "own": "x"}
    return {"Name": name, "ConnectionType": "JDBC", "ConnectionProperties": properties, **more}


def test_connections_are_kept_and_their_passwords_hidden_when_asked(glue: Any) -> None:
    made = glue.create_connection(ConnectionInput=connection("c"), Tags={"a": "b"})
    assert made["CreateConnectionStatus"] == "READY"
    refused(
        "AlreadyExistsException",
        "Connection already exists.",
        glue.create_connection,
        ConnectionInput=connection("c"),
    )
    kept = glue.get_connection(Name="c")["Connection"]
    assert (kept["Status"], kept["ConnectionProperties"]["PASSWORD"]) == ("READY", "hunter2")
    hidden = glue.get_connection(Name="c", HidePassword=True)["Connection"]
    assert hidden["ConnectionProperties"] == {"USERNAME": "admin", "own": "x"}
    glue.update_connection(Name="c", ConnectionInput=connection("c", Description="new"))
    assert glue.get_connection(Name="c")["Connection"]["Description"] == "new"
    arn = "arn:aws:glue:us-east-1:000000000000:connection/c"
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {"a": "b"}
    glue.delete_connection(ConnectionName="c")
    refused("EntityNotFoundException", "Connection c not found.", glue.get_connection, Name="c")


def test_connections_are_found_by_type_and_by_all_criteria(glue: Any) -> None:
    given: list[tuple[str, str, list[str]]] = [
        ("east", "JDBC", ["prod", "east"]),
        ("west", "JDBC", ["prod", "west"]),
        ("kafka", "KAFKA", ["prod"]),
    ]
    for name, kind, criteria in given:
        glue.create_connection(ConnectionInput=connection(name, ConnectionType=kind, MatchCriteria=criteria))

    def found(**wanted: Any) -> list[str]:
        return [one["Name"] for one in glue.get_connections(Filter=wanted)["ConnectionList"]]

    assert found(ConnectionType="KAFKA") == ["kafka"]
    assert found(MatchCriteria=["prod", "west"]) == ["west"]
    assert found() == ["east", "kafka", "west"]
    gone = glue.batch_delete_connection(ConnectionNameList=["east", "west", "kafka", "none"])
    assert sorted(gone["Succeeded"]) == ["east", "kafka", "west"]
    assert gone["Errors"]["none"]["ErrorCode"] == "EntityNotFoundException"


def test_security_configurations_are_kept(glue: Any) -> None:
    wanted = {"S3Encryption": [{"S3EncryptionMode": "SSE-S3"}]}
    assert glue.create_security_configuration(Name="s", EncryptionConfiguration=wanted)["Name"] == "s"
    refused(
        "AlreadyExistsException",
        "Security Configuration s already exists",
        glue.create_security_configuration,
        Name="s",
        EncryptionConfiguration=wanted,
    )
    kept = glue.get_security_configuration(Name="s")["SecurityConfiguration"]
    assert kept["EncryptionConfiguration"] == wanted
    assert [one["Name"] for one in glue.get_security_configurations()["SecurityConfigurations"]] == ["s"]
    glue.delete_security_configuration(Name="s")
    refused(
        "EntityNotFoundException",
        "SecurityConfiguration s not found",
        glue.get_security_configuration,
        Name="s",
    )


def test_how_the_catalog_is_to_be_encrypted_is_kept(glue: Any) -> None:
    before = glue.get_data_catalog_encryption_settings()["DataCatalogEncryptionSettings"]
    assert before["EncryptionAtRest"] == {"CatalogEncryptionMode": "DISABLED"}
    wanted = {
        "EncryptionAtRest": {"CatalogEncryptionMode": "SSE-KMS", "SseAwsKmsKeyId": "k"},
        "ConnectionPasswordEncryption": {"ReturnConnectionPasswordEncrypted": False},
    }
    glue.put_data_catalog_encryption_settings(DataCatalogEncryptionSettings=wanted)
    assert glue.get_data_catalog_encryption_settings()["DataCatalogEncryptionSettings"] == wanted


def policy(effect: str) -> str:
    statement = {"Effect": effect, "Principal": "*", "Action": "glue:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_the_catalogs_policy_is_kept_under_its_conditions(glue: Any) -> None:
    refused("EntityNotFoundException", "Policy not found", glue.get_resource_policy)
    with pytest.raises(glue.exceptions.ResourceNumberLimitExceededException):
        glue.put_resource_policy(PolicyInJson=policy("Allow"), PolicyExistsCondition="MUST_EXIST")
    digest = glue.put_resource_policy(PolicyInJson=policy("Allow"), PolicyExistsCondition="NOT_EXIST")[
        "PolicyHash"
    ]
    kept = glue.get_resource_policy()
    assert (kept["PolicyInJson"], kept["PolicyHash"]) == (policy("Allow"), digest)
    with pytest.raises(glue.exceptions.ConcurrentModificationException):
        glue.put_resource_policy(PolicyInJson=policy("Allow"), PolicyHashCondition="other")
    with pytest.raises(glue.exceptions.InvalidInputException, match="deny in the policies of identities"):
        glue.put_resource_policy(PolicyInJson=policy("Deny"))
    glue.delete_resource_policy(PolicyHashCondition=digest)
    refused("EntityNotFoundException", "Policy not found", glue.delete_resource_policy)
