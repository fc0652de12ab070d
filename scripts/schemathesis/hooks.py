"""Who calls, for schemathesis: a person of one role, replaced whenever a case ends their session."""

import http.client
import itertools
import json
import os
import subprocess
from urllib.parse import urlsplit

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData

BASE = urlsplit(os.environ["VETTED_URL"])
ROLE = os.environ["VETTED_ROLE"]
PASSWORD = "correct horse battery staple"
NUMBERS = itertools.count(1)


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
    """An empty query parameter counts as not given, so it may be of another kind than its schema's."""
    accepted = isinstance(failure, AcceptedNegativeData)
    return not (accepted and any(value in ("", [""]) for value in (case.query or {}).values()))


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


def furnish(person, access):
    """Something of the person's own, so that cases meet more than empty lists."""
    staff = Person("STAFF").sign_in()
    _, category = ask("POST", "/categories/", {"name": f"Lamps {person.email}"}, staff)
    product = {"name": "A lamp", "description": "", "category_id": category["id"],
               "price": {"amount": "12.50", "currency": "EUR"}}
    owner = access if person.role != "AUDITOR" else staff
    moderator = Person("ADMIN").sign_in()
    for _ in range(2):
        status, made = ask("POST", "/products/", product, owner)
        assert status == 201, made
        status, approved = ask("POST", f"/products/{made['id']}/approve/", {}, moderator)
        assert status == 200, approved
    buyer = access if person.role == "END_USER" else Person("END_USER").sign_in()
    status, order = ask("POST", "/orders/", {"products": [made["id"]]}, buyer)
    assert status == 201, order


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
