"""Signs in and makes a category with everything encrypted, both ways:
python client.py http://127.0.0.1:8000 staff@example.com 'a password'"""

import json
import sys
import time
import urllib.error
import urllib.request
import uuid

from jwcrypto import jwe, jwk
from jwcrypto.common import base64url_encode

base, email, password = sys.argv[1:]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# What requests are encrypted to.
with opener.open(base + "/.well-known/jwks.json") as response:
    keys = json.load(response)["keys"]
server_key = jwk.JWK(**next(key for key in keys if key.get("use") == "enc"))

# What answers are encrypted to: a key of our own.
my_key = jwk.JWK.generate(kty="EC", crv="P-256")
encryption_key = base64url_encode(my_key.export_public())


def encrypt(method, path, body):
    header = {
        "alg": "ECDH-ES", "enc": "A256GCM", "kid": server_key.key_id,
        "apu": base64url_encode("desktop"), "apv": base64url_encode("vetted"),
        "htm": method, "htu": path, "iat": int(time.time()), "jti": str(uuid.uuid4()),
    }
    token = jwe.JWE(json.dumps(body).encode(), json.dumps(header), recipient=server_key)
    return json.dumps({"data": token.serialize(compact=True)}).encode()


def call(method, path, token=None, body=None):
    headers = {"Content-Type": "application/json", "Encryption-Key": encryption_key}
    if token:
        headers["Authorization"] = "Bearer " + token
    sent = encrypt(method, path, body) if body else None
    request = urllib.request.Request(base + path, sent, headers, method=method)
    try:
        response = opener.open(request)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        answer = jwe.JWE()
        answer.deserialize(json.load(response)["data"], key=my_key)
        return {"status": response.status, "body": json.loads(answer.payload)}


login = call("POST", "/login/", body={"email": email, "password": password})
token = login["body"]["access"]
name = f"Made with jwcrypto {uuid.uuid4()}"
made = call("POST", "/categories/", token, {"name": name, "description": "Ünïcödé"})
read = call("GET", f"/categories/{made['body']['id']}/", token)
again = call("POST", "/categories/", token, {"name": name})
print(json.dumps({"login": login["status"], "made": made, "read": read, "again": again}))
