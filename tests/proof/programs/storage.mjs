// S3 with the JavaScript SDK, its managed uploads and presigned addresses, and nothing but the environment.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import {
  CopyObjectCommand, CreateBucketCommand, DeleteBucketCommand, DeleteObjectsCommand, GetObjectCommand,
  GetObjectTaggingCommand, HeadBucketCommand, HeadObjectCommand, ListBucketsCommand, ListMultipartUploadsCommand,
  PutObjectCommand, PutObjectTaggingCommand, S3Client, paginateListObjectsV2,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { refused, unique, until } from "./tools.mjs";

const s3 = new S3Client({});
const md5 = (data) => createHash("md5").update(data).digest("hex");

async function bucket() {
  const Bucket = unique("js");
  await s3.send(new CreateBucketCommand({ Bucket }));
  return Bucket;
}

async function read(Bucket, Key, more = {}) {
  const answer = await s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return Buffer.from(await answer.Body.transformToByteArray());
}

export const checks = {
  async buckets_are_made_listed_and_removed() {
    const Bucket = await bucket();
    await s3.send(new HeadBucketCommand({ Bucket }));
    const { Buckets } = await s3.send(new ListBucketsCommand({}));
    assert.ok(Buckets.some((each) => each.Name === Bucket));
    await s3.send(new PutObjectCommand({ Bucket, Key: "a", Body: "x" }));
    await refused("BucketNotEmpty", () => s3.send(new DeleteBucketCommand({ Bucket })));
    await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "a" }] } }));
    await s3.send(new DeleteBucketCommand({ Bucket }));
    await refused("NotFound", () => s3.send(new HeadBucketCommand({ Bucket })));
  },

  async an_object_of_any_key_comes_back_with_its_metadata() {
    const Bucket = await bucket();
    for (const Key of ["plain", "a b/ü+%25 &?#.txt", "deep/er/than/that", "a/../b", "a//b", "trailing/"]) {
      const Body = randomBytes(1000);
      const asked = { Bucket, Key, Body, ContentType: "text/x", Metadata: { who: "ann" }, Tagging: "a=1" };
      const { ETag } = await s3.send(new PutObjectCommand(asked));
      assert.equal(ETag, `"${md5(Body)}"`);
      assert.deepEqual(await read(Bucket, Key), Body);
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key }));
      assert.deepEqual([head.ContentType, head.Metadata, head.ContentLength], ["text/x", { who: "ann" }, 1000]);
      const { TagSet } = await s3.send(new GetObjectTaggingCommand({ Bucket, Key }));
      assert.deepEqual(TagSet, [{ Key: "a", Value: "1" }]);
      await s3.send(new PutObjectTaggingCommand({ Bucket, Key, Tagging: { TagSet: [] } }));
    }
    await assert.rejects(s3.send(new PutObjectCommand({ Bucket, Key: "..", Body: "x" })), (error) => {
      assert.equal(error.$metadata.httpStatusCode, 400); // it would lead out of the bucket
      return true;
    });
  },

  async a_stream_of_known_length_is_put_in_signed_chunks() {
    const Bucket = await bucket();
    const data = randomBytes(3 << 20);
    const Body = Readable.from([data.subarray(0, 1000), data.subarray(1000)]);
    await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body, ContentLength: data.length }));
    assert.equal(md5(await read(Bucket, "k")), md5(data));
  },

  async ranges_and_conditions_are_kept() {
    const Bucket = await bucket();
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "0123456789" }));
    assert.equal(String(await read(Bucket, "k", { Range: "bytes=2-4" })), "234");
    assert.equal(String(await read(Bucket, "k", { IfMatch: ETag })), "0123456789");
    const same = await read(Bucket, "k", { IfNoneMatch: ETag }).catch((error) => error);
    assert.equal(same.$metadata.httpStatusCode, 304);
    const other = new PutObjectCommand({ Bucket, Key: "k", Body: "x", IfNoneMatch: "*" });
    await refused("PreconditionFailed", () => s3.send(other));
    await refused("NoSuchKey", () => read(Bucket, "nothing"));
    await refused("NoSuchBucket", () => read("nobodys-bucket", "k"));
    await s3.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/k` }));
    assert.equal(String(await read(Bucket, "copy")), "0123456789");
  },

  async a_managed_upload_of_a_stream_is_multipart() {
    const Bucket = await bucket();
    const data = randomBytes(12_345_678);
    const Body = Readable.from((function* pieces() {
      for (let at = 0; at < data.length; at += 100_000) yield data.subarray(at, at + 100_000);
    })());
    let seen = 0;
    const upload = new Upload({ client: s3, params: { Bucket, Key: "big", Body }, partSize: 5 << 20, queueSize: 3 });
    upload.on("httpUploadProgress", ({ loaded }) => (seen = Math.max(seen, loaded)));
    const { ETag } = await upload.done();
    assert.match(ETag, /-3"$/);
    assert.equal(seen, data.length);
    assert.equal(md5(await read(Bucket, "big")), md5(data));
  },

  async a_managed_upload_that_is_aborted_leaves_nothing() {
    const Bucket = await bucket();
    const upload = new Upload({
      client: s3, params: { Bucket, Key: "big", Body: randomBytes(20 << 20) }, partSize: 5 << 20, queueSize: 1,
    });
    upload.on("httpUploadProgress", () => upload.abort());
    await refused("AbortError", () => upload.done());
    // The SDK gives up at once and takes the upload back after that.
    await until(async () => !(await s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads?.length);
    await refused("NoSuchKey", () => read(Bucket, "big"));
  },

  async listings_come_in_pages() {
    const Bucket = await bucket();
    const keys = Array.from({ length: 25 }, (_, n) => `p${n % 2}/${String(n).padStart(2, "0")}`);
    await Promise.all(keys.map((Key) => s3.send(new PutObjectCommand({ Bucket, Key, Body: "x" }))));
    const found = [];
    for await (const page of paginateListObjectsV2({ client: s3, pageSize: 7 }, { Bucket }))
      found.push(...page.Contents.map((each) => each.Key));
    assert.deepEqual(found, [...keys].sort());
    const folders = [];
    for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket, Delimiter: "/" }))
      folders.push(...page.CommonPrefixes.map((each) => each.Prefix));
    assert.deepEqual(folders, ["p0/", "p1/"]);
  },

  async presigned_addresses_work_without_the_sdk() {
    const Bucket = await bucket();
    const Key = "a b/ü.txt";
    const to = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key }), { expiresIn: 60 });
    assert.equal((await fetch(to, { method: "PUT", body: "signed" })).status, 200);
    const from = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key }), { expiresIn: 60 });
    assert.equal(await (await fetch(from)).text(), "signed");
  },
};
