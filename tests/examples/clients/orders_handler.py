"""The orders handler as it stands in many accounts: read with boto3, drop what is stale, write with boto3."""

import csv
import io
from datetime import datetime, timedelta

import boto3

s3 = boto3.client("s3")


def lambda_handler(event, context):
    print("Lambda triggered by S3 event.")
    bucket_name = event["Records"][0]["s3"]["bucket"]["name"]
    raw_key = event["Records"][0]["s3"]["object"]["key"]
    file_name = raw_key.split("/")[-1]
    print(f"Incoming file: {raw_key}")

    try:
        response = s3.get_object(Bucket=bucket_name, Key=raw_key)
        raw_csv = response["Body"].read().decode("utf-8").splitlines()
    except Exception as e:
        print(f"Error reading file from S3: {e}")
        raise

    reader = csv.DictReader(raw_csv)
    filtered_rows = []
    original_count = 0
    cutoff_date = datetime.now() - timedelta(days=30)
    for row in reader:
        original_count += 1
        order_status = row["Status"].strip().lower()
        order_date = datetime.strptime(row["OrderDate"], "%Y-%m-%d")
        if order_status not in ["pending", "cancelled"] or order_date > cutoff_date:
            filtered_rows.append(row)
    print(f"Total records processed: {original_count}, kept: {len(filtered_rows)}")

    output = io.StringIO()
    writer = csv.DictWriter(output, fieldnames=reader.fieldnames)
    writer.writeheader()
    writer.writerows(filtered_rows)
    processed_key = f"processed/filtered_{file_name}"
    s3.put_object(Bucket=bucket_name, Key=processed_key, Body=output.getvalue().encode("utf-8"))
    return {"statusCode": 200, "body": f"Filtered {len(filtered_rows)} rows and saved to {processed_key}"}
