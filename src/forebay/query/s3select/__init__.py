"""S3 Select: one object, one SELECT, answered as it is read.

    parser ──▶ syntax ──▶ compiler ──▶ a function of a record
    reading (csvs, jsons, parquets) ──records──▶ run ──▶ writing ──▶ pieces of output

Nothing here names a file: who asks hands over an open one. Memory is bounded by the largest record, of 1 MiB (a
JSON document: 8 MiB), and time by whoever takes the pieces, as work is done only when the next one is asked for.

Source: "SQL reference for Amazon S3 Select" (Amazon S3 User Guide) and "SelectObjectContent" (API Reference).
"""
