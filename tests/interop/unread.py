"""Sends a long body to an address that refuses it, and tells what it gets:
python unread.py '{"url": "http://…/products/", "method": "POST", "bytes": 40000000, "type": "…"}'"""

import http.client
import json
import sys
from urllib.parse import urlsplit

given = json.loads(sys.argv[1])
url = urlsplit(given["url"])
headers = {"Authorization": "Bearer nonsense", "Content-Type": given["type"]}
try:
    connection = http.client.HTTPConnection(url.hostname, url.port)
    connection.request(given["method"], url.path, bytes(given["bytes"]), headers)
    answer = connection.getresponse()
    print(json.dumps({"status": answer.status, "code": json.load(answer)["code"]}))
except OSError as error:
    print(json.dumps({"status": 0, "error": str(error)}))
