"""The real handler of the restaurant's delivery, with its two oddities: `data` is bytes, and the list of
results is the module's, so a warm worker returns old recordIds again.
"""

import base64

output = []


def lambda_handler(event, context):
    for record in event["records"]:
        payload = base64.b64decode(record["data"]).decode("utf-8")
        print("payload:", payload)
        row_w_newline = payload + "\n"
        row_w_newline = base64.b64encode(row_w_newline.encode("utf-8"))
        output_record = {"recordId": record["recordId"], "result": "Ok", "data": row_w_newline}
        output.append(output_record)
    print("Processed {} records.".format(len(event["records"])))
    return {"records": output}
