"""One product's life, by the package that openapi-python-client makes:
python life.py '{"base": "http://…", "video": "film.mp4", "seller": {"email": …, "password": …}, "staff": …, "buyer": …}'"""

import io
import json
import sys
import time
import urllib.request
import uuid
from pathlib import Path

from vetted_client import AuthenticatedClient, Client
from vetted_client.api.accounts import login
from vetted_client.api.categories import create_category
from vetted_client.api.orders import place_order
from vetted_client.api.products import (
    approve_product, get_product, get_product_moderation, submit_product)
from vetted_client.api.uploads import append_to_upload, create_upload
from vetted_client.models import (
    ApproveProduct, CreateCategory, Login, Money, PlaceOrder, ProcessingStatus, Requested,
    SubmitProduct)
from vetted_client.types import File

given = json.loads(sys.argv[1])
base = given["base"]


def taken(answer):
    """What an operation has answered, or its problem as an exception."""
    assert answer.status_code < 400, answer.content
    return answer.parsed


def sign_in(person):
    body = Login(email=person["email"], password=person["password"])
    signed_in = taken(login.sync_detailed(client=Client(base_url=base), body=body))
    return AuthenticatedClient(base_url=base, token=signed_in.access)


seller, staff, buyer = (sign_in(given[name]) for name in ("seller", "staff", "buyer"))
category = taken(create_category.sync_detailed(
    client=staff, body=CreateCategory(name=f"Lamps {uuid.uuid4()}")))

# A resumable upload: it is made, then its bytes are sent.
video = Path(given["video"]).read_bytes()
begun = create_upload.sync_detailed(
    client=seller, tus_resumable="1.0.0", upload_length=str(len(video)))
assert begun.status_code == 201, begun.content
upload = uuid.UUID(begun.headers["location"].split("/")[2])
half = len(video) // 2
for offset, part in ((0, video[:half]), (half, video[half:])):
    sent = append_to_upload.sync_detailed(
        upload, client=seller, tus_resumable="1.0.0", upload_offset=str(offset),
        body=File(payload=io.BytesIO(part)))
    assert sent.status_code == 204, sent.content
assert int(sent.headers["upload-offset"]) == len(video)

made = taken(submit_product.sync_detailed(
    client=seller, idempotency_key=str(uuid.uuid4()),
    body=SubmitProduct(name="Desk lamp", category_id=category.id, upload_id=upload,
                       price=Money(amount="12.50", currency="EUR"))))
while True:
    ready = taken(get_product.sync_detailed(made.id, client=seller))
    if ready.processing_status == ProcessingStatus.READY:
        break
    assert ready.processing_status == ProcessingStatus.PROCESSING, ready
    time.sleep(0.2)

# A signed link needs no header.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with opener.open(base + ready.poster_url) as answer:
    poster = answer.headers["content-type"]

early = approve_product.sync_detailed(made.id, client=seller)
approved = taken(approve_product.sync_detailed(
    made.id, client=staff, body=ApproveProduct(reason="The video shows the lamp.")))
order = taken(place_order.sync_detailed(
    client=buyer, body=PlaceOrder(items=[Requested(product=made.id, quantity=2)])))
timeline = taken(get_product_moderation.sync_detailed(made.id, client=seller))

print(json.dumps({
    "made": made.to_dict(), "status": approved.status, "poster": poster,
    "early": early.parsed.code, "total": order.total.to_dict(),
    "timeline": [entry.to_dict() for entry in timeline.results],
}))
