"""Who calls, for schemathesis: a person of one role, replaced whenever a case ends their session."""

import http.client
import itertools
import json
import os
import subprocess
import uuid
from collections import deque
from urllib.parse import parse_qsl, urlsplit

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import MissingHeaderNotRejected

BASE = urlsplit(os.environ["VETTED_URL"])
ROLE = os.environ["VETTED_ROLE"]
PASSWORD = "correct horse battery staple"
NUMBERS = itertools.count(1)
# Ids that exist, by the first word of the paths that take them; the newest.
KNOWN = {kind: deque(maxlen=8) for kind in ("orders", "policies", "products", "uploads", "users")}

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


def ask(method, path, body=None, access=None):
    """A request from an address of its own: failed sign-ins of the cases must not refuse these."""
    number = next(NUMBERS)
    source = f"127.9.{number // 250 % 250}.{number % 250 + 1}"
    connection = http.client.HTTPConnection(BASE.hostname, BASE.port, source_address=(source, 0))
    headers = {"Content-Type": "application/json"}
    if access:
        headers["Authorization"] = f"Bearer {access}"
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text else None


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """An empty query parameter counts as not given, so it may be of another kind than its schema's;
    a link's signature stands for the header Authorization, and a wrong one is answered with 403."""
    sent = parse_qsl(urlsplit(response.request.url).query, keep_blank_values=True)
    if isinstance(failure, MissingHeaderNotRejected) and failure.header_name == "Authorization":
        return not (response.status_code == 403 and any(name == "signature" for name, _ in sent))
    return not (isinstance(failure, AcceptedNegativeData) and any(not value for _, value in sent))


class Person:
    """Somebody of one role who can sign in."""

    def __init__(self, role):
        self.role = role
        self.email = f"{role.lower()}-{os.getpid()}-{next(NUMBERS)}@example.org"
        command = [os.environ["VETTED_BINARY"], "users", "create", "--email", self.email,
                   "--role", role, "--password-stdin"]
        subprocess.run(command, input=PASSWORD, text=True, check=True, capture_output=True)

    def sign_in(self):
        """An access token, or nothing where a case has erased, barred or changed them."""
        status, answer = ask("POST", "/login/", {"email": self.email, "password": PASSWORD})
        if status == 200 and answer["user"]["role"] == self.role:
            return answer["access"]
        return None


def make(path, body, access):
    """Makes something, and remembers its id."""
    status, made = ask("POST", path, body, access)
    assert status in (200, 201), made
    KNOWN.get(path.split("/")[1], []).append(made["id"])
    return made


def upload(access):
    """An upload that bytes can be sent to."""
    connection = http.client.HTTPConnection(BASE.hostname, BASE.port)
    connection.request("POST", "/uploads/", headers={
        "Authorization": f"Bearer {access}", "Tus-Resumable": "1.0.0", "Upload-Length": "1000"})
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    KNOWN["uploads"].append(answer.headers["Location"].split("/")[2])
    connection.close()


def furnish(person, access):
    """Something of the person's own and of others, so that cases meet more than empty lists."""
    staff, moderator, buyer = (Person(role) for role in ("STAFF", "ADMIN", "END_USER"))
    staff_access, moderator_access, buyer_access = (one.sign_in() for one in (staff, moderator, buyer))
    category = make("/categories/", {"name": f"Lamps {person.email}"}, staff_access)
    make("/policies/", {"code": f"R-{next(NUMBERS)}", "title": "Returns", "text": "Within 14 days.",
                        "severity": "LOW"}, moderator_access)
    product = {"name": "A lamp", "description": "", "category_id": category["id"],
               "price": {"amount": "12.50", "currency": "EUR"}}
    for owner in (access if person.role != "AUDITOR" else staff_access, staff_access):
        made = make("/products/", product, owner)
        make(f"/products/{made['id']}/approve/", {}, moderator_access)
        make("/products/", product, owner)
    if person.role != "AUDITOR":
        upload(access)
    for by in [buyer_access] * 2 + [access] * 2 * (person.role == "END_USER"):
        make("/orders/", {"products": [made["id"]]}, by)
    for one in (staff, buyer):
        KNOWN["users"].append(ask("GET", "/me/", access=one.sign_in())[1]["id"])


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """In half of the cases an id that exists takes the place of one that is made up."""
    known = KNOWN.get(context.operation.path.split("/")[1])
    try:
        number = uuid.UUID(path_parameters["id"]).int
    except (KeyError, TypeError, ValueError, AttributeError):
        return path_parameters
    if known and number % 2:
        path_parameters["id"] = known[number // 2 % len(known)]
    return path_parameters


if ROLE != "ANONYMOUS":

    @schemathesis.auth(refresh_interval=200, retry_on=[401])
    class Caller:
        person = None

        def get(self, case, context):
            access = Caller.person and Caller.person.sign_in()
            if not access:
                Caller.person = Person(ROLE)
                access = Caller.person.sign_in()
                furnish(Caller.person, access)
            return access

        def set(self, case, data, context):
            case.headers = case.headers or {}
            case.headers["Authorization"] = f"Bearer {data}"
