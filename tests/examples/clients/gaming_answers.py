"""Asks Athena and prints each row as CSV: gaming_answers.py DATABASE QUERY..."""

import csv
import sys
import time

import boto3

athena = boto3.client("athena")


def run(database, sql):
    execution = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Catalog": "AwsDataCatalog", "Database": database},
        ResultConfiguration={"OutputLocation": "s3://gaming-lake/athena/"},
    )["QueryExecutionId"]
    while True:
        status = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
        if status["State"] == "SUCCEEDED":
            return execution
        if status["State"] in ("FAILED", "CANCELLED"):
            raise SystemExit(status["StateChangeReason"])
        time.sleep(0.2)


def rows(execution):
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=execution):
        for row in page["ResultSet"]["Rows"]:
            yield [cell.get("VarCharValue", "") for cell in row["Data"]]


if __name__ == "__main__":
    writer = csv.writer(sys.stdout)
    for sql in sys.argv[2:]:
        writer.writerows(rows(run(sys.argv[1], sql)))
        print()
