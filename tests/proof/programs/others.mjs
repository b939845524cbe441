// Lambda, Athena and STS with the JavaScript SDK, and nothing but the environment.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AthenaClient, GetQueryExecutionCommand, ListTableMetadataCommand, StartQueryExecutionCommand,
  paginateGetQueryResults,
} from "@aws-sdk/client-athena";
import {
  CreateFunctionCommand, DeleteFunctionCommand, GetFunctionCommand, InvokeCommand, LambdaClient,
  ListFunctionsCommand, UpdateFunctionConfigurationCommand, waitUntilFunctionActiveV2, waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { refused, text, unique, until } from "./tools.mjs";

const lambda = new LambdaClient({});
const athena = new AthenaClient({});
const s3 = new S3Client({});

const CODE = `
import os
def handler(event, context):
    if event.get("fail"):
        raise ValueError("no")
    return {"sum": sum(event["numbers"]), "who": os.environ["WHO"], "name": context.function_name}
`;

async function made() {
  const folder = mkdtempSync(join(tmpdir(), "js-"));
  writeFileSync(join(folder, "main.py"), CODE);
  execFileSync("python3", ["-m", "zipfile", "-c", join(folder, "code.zip"), join(folder, "main.py")]);
  const FunctionName = unique("js");
  await lambda.send(new CreateFunctionCommand({
    FunctionName, Runtime: "python3.12", Handler: "main.handler", Role: "arn:aws:iam::000000000000:role/any",
    Code: { ZipFile: readFileSync(join(folder, "code.zip")) }, Environment: { Variables: { WHO: "ann" } },
  }));
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 60 }, { FunctionName });
  return FunctionName;
}

const invoke = (FunctionName, event, more = {}) =>
  lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event), ...more }));

async function rows(QueryString) {
  const asked = { QueryString, ResultConfiguration: { OutputLocation: "s3://js-results/" } };
  const { QueryExecutionId } = await athena.send(new StartQueryExecutionCommand(asked));
  const ended = await until(async () => {
    const said = await athena.send(new GetQueryExecutionCommand({ QueryExecutionId }));
    return ["SUCCEEDED", "FAILED"].includes(said.QueryExecution.Status.State) && said.QueryExecution;
  });
  if (ended.Status.State === "FAILED") throw Object.assign(new Error(ended.Status.StateChangeReason), { name: "Failed" });
  const found = [];
  for await (const page of paginateGetQueryResults({ client: athena, pageSize: 100 }, { QueryExecutionId }))
    found.push(...page.ResultSet.Rows.map((row) => row.Data.map((cell) => cell.VarCharValue)));
  return found;
}

export const checks = {
  async who_asks_is_told() {
    const said = await new STSClient({}).send(new GetCallerIdentityCommand({}));
    assert.equal(said.Account, "000000000000");
  },

  async a_function_is_made_invoked_changed_and_deleted() {
    const FunctionName = await made();
    const answer = await invoke(FunctionName, { numbers: [1, 2, 3] }, { LogType: "Tail" });
    assert.equal(answer.StatusCode, 200);
    assert.deepEqual(JSON.parse(text(answer.Payload)), { sum: 6, who: "ann", name: FunctionName });
    assert.match(Buffer.from(answer.LogResult, "base64").toString(), /REPORT RequestId/);
    const change = { FunctionName, Environment: { Variables: { WHO: "bob" } }, Timeout: 9 };
    await lambda.send(new UpdateFunctionConfigurationCommand(change));
    await waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 60 }, { FunctionName });
    assert.equal(JSON.parse(text((await invoke(FunctionName, { numbers: [] })).Payload)).who, "bob");
    const { Configuration } = await lambda.send(new GetFunctionCommand({ FunctionName }));
    assert.equal(Configuration.Timeout, 9);
    const { Functions } = await lambda.send(new ListFunctionsCommand({}));
    assert.ok(Functions.some((each) => each.FunctionName === FunctionName));
    await lambda.send(new DeleteFunctionCommand({ FunctionName }));
    await refused("ResourceNotFoundException", () => invoke(FunctionName, {}));
  },

  async what_a_function_raises_is_told() {
    const FunctionName = await made();
    const answer = await invoke(FunctionName, { fail: true });
    assert.equal(answer.FunctionError, "Unhandled");
    const said = JSON.parse(text(answer.Payload));
    assert.deepEqual([said.errorType, said.errorMessage], ["ValueError", "no"]);
    assert.equal((await invoke(FunctionName, { numbers: [] }, { InvocationType: "Event" })).StatusCode, 202);
    assert.equal((await invoke(FunctionName, {}, { InvocationType: "DryRun" })).StatusCode, 204);
  },

  async a_query_over_a_file_is_answered_in_pages() {
    await s3.send(new CreateBucketCommand({ Bucket: "js-results" }));
    await s3.send(new CreateBucketCommand({ Bucket: "js-data" }));
    const Body = Array.from({ length: 250 }, (_, n) => `${n},name ${n}\n`).join("");
    await s3.send(new PutObjectCommand({ Bucket: "js-data", Key: "people/a.csv", Body }));
    await rows("CREATE DATABASE IF NOT EXISTS js");
    await rows(
      "CREATE EXTERNAL TABLE js.people (id int, name string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"
        + " LOCATION 's3://js-data/people/'",
    );
    const found = await rows("SELECT id, name FROM js.people ORDER BY id");
    assert.deepEqual([found.length, found[0], found[250]], [251, ["id", "name"], ["249", "name 249"]]);
    const failed = await refused("Failed", () => rows("SELECT nope FROM js.people"));
    assert.match(failed.message, /COLUMN_NOT_FOUND: line 1:8/);
    const asked = { CatalogName: "AwsDataCatalog", DatabaseName: "js" };
    const { TableMetadataList } = await athena.send(new ListTableMetadataCommand(asked));
    assert.deepEqual(TableMetadataList[0].Columns.map((each) => each.Name), ["id", "name"]);
  },
};
