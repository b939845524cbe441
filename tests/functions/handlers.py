"""Handlers that several of these tests call."""

from __future__ import annotations

# The handler of the real restaurant: `data` stays bytes, and the list outlives the invocation.
RESTAURANT = """
    import base64

    output = []

    def handler(event, context):
        for record in event['records']:
            payload = base64.b64decode(record['data']).decode('utf-8')
            row_w_newline = payload + "\\n"
            row_w_newline = base64.b64encode(row_w_newline.encode('utf-8'))
            output.append({'recordId': record['recordId'], 'result': 'Ok', 'data': row_w_newline})
        return {'records': output}
"""


ANSWER = """
    import base64, json

    def answer(record, **extra):
        return {'recordId': record['recordId'], 'result': 'Ok', 'data': record['data'], **extra}

    def load(record):
        return json.loads(base64.b64decode(record['data']))
"""
