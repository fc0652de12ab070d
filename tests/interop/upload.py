"""Uploads a file with tuspy, or goes on with what an earlier process began:
python upload.py '{"endpoint": "http://…/uploads/", "token": "…", "file": "…", "storage": "…"}'"""

import json
import os
import sys

import requests
from tusclient import client, exceptions
from tusclient.storage import filestorage

given = json.loads(sys.argv[1])
os.environ["NO_PROXY"] = "*"
tus = client.TusClient(given.get("endpoint"), {"Authorization": "Bearer " + given["token"]})
try:
    store = given.get("storage") and filestorage.FileStorage(given["storage"])
    uploader = tus.uploader(
        given["file"], url=given.get("url"), chunk_size=given.get("chunk", 1 << 20),
        store_url=bool(store), url_storage=store or None, metadata={"filename": "film.mp4"},
        upload_checksum=True, retries=0,
    )
    uploader.upload()
    print(json.dumps({"url": uploader.url}))
except exceptions.TusCommunicationError as error:
    print(json.dumps({"status": error.status_code or 0, "error": str(error)}))
except requests.exceptions.RequestException as error:
    print(json.dumps({"status": 0, "error": str(error)}))
