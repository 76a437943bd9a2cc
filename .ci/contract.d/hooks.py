"""What schemathesis cannot know of aftercall. Each exception names its operation, its place and its reason."""
import atexit
import collections
import json
import os
import re
import uuid

import schemathesis
from hypothesis import strategies as st

SINK = os.environ["CONTRACT_SINK"]
ROLE = os.environ["CONTRACT_ROLE"]
ANSWERS = os.environ["CONTRACT_ANSWERS"]
with open(os.environ["CONTRACT_OPENAPI"], encoding="utf-8") as file:
    SCHEMAS = json.load(file)["components"]["schemas"]

# `format: uri` in a request is the target of an endpoint. What is made up leads to our own receiver: nothing generated may
# call the outside.
schemathesis.openapi.format("uri", st.integers(0, 10**9).map(lambda n: f"{SINK}/{'fail' if n % 5 == 0 else 'hook'}/{n}"))

# A public key is nothing that can be made up: the document's own, in the forms that people paste.
KEY = SCHEMAS["CreateSourceRequest"]["properties"]["public_keys"]["items"]["example"]
PEM = "-----BEGIN PUBLIC KEY-----\n" + "\n".join(re.findall(".{1,64}", KEY)) + "\n-----END PUBLIC KEY-----\n"
schemathesis.openapi.format("rsa-public-key", st.sampled_from([KEY, PEM, PEM.replace("\n", "\\n")]))

# Valid by the schema, refused for a reason that no schema can say: operation, pointer, the server's words, why. Anything else
# that is refused is a failure, another field of the same operation too.
SEMANTIC = [
    ("change_endpoint", "/target", "", "what fits depends on the kind of the endpoint that is changed"),
    ("change_endpoint", "/headers", "only webhooks take headers", "depends on the kind too"),
    ("(change|create)_endpoint", "/headers/.*", "given twice, in another spelling", "names are the same in any case"),
    ("(change|create)_endpoint", "/headers/.*", "this header is ours to set", "a list of names, in any case"),
    ("create_endpoint", "/secret", "after whsec_ comes base64", "depends on how the text begins"),
    ("create_token", "/expires_at", "a time that is still to come", "depends on the clock"),
    ("raise_event", "/(type|intent|subject)", "phone number", "enough digits look like one"),
    ("create_token", "/tenant", "there is no such tenant", "depends on what there is"),
]

# The connection of the environment, whose key the tool is given.
OWN_SOURCE = "src_" + "0" * 32
EXAMPLE_TARGETS = ("https://crm.example.com/hooks", "https://crm.example.com/hooks/aftercall")
PREFIXES = {"endpoints": "ep", "test": "ep", "logs": "dlv", "runs": "run", "sources": "src", "tokens": "tok"}

answers = collections.defaultdict(collections.Counter)
# Ids that answers showed lately, by prefix; calls have Gong's ids.
seen = collections.defaultdict(lambda: collections.deque(maxlen=12))
turn = collections.Counter()


def operation_id(case):
    return case.operation.definition.raw.get("operationId") or case.operation.label


def is_positive(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Says the same in other words: of `{"type": ["string", "null"], "format": …}` the tool may forget the format."""
    parts = [raw_schema]
    while parts:
        part = parts.pop()
        if isinstance(part, dict) and part.get("type") == ["string", "null"] and "format" in part:
            text = {**part, "type": "string"}
            part.clear()
            part["anyOf"] = [text, {"type": "null"}]
        else:
            parts.extend(part.values() if isinstance(part, dict) else part if isinstance(part, list) else [])


@schemathesis.hook
def before_call(context, case, kwargs):
    # The document's own examples lead outside.
    if isinstance(case.body, dict) and case.body.get("target") in EXAMPLE_TARGETS:
        case.body = {**case.body, "target": f"{SINK}/hook/example"}
    if not is_positive(case):
        return
    # A key that was used with another body is a 422 by contract, and the tool uses one key for many bodies.
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    use_known_id(case)


def use_known_id(case):
    """Every other time an id that is there: one that is made up is always answered 404."""
    if case.meta.phase.name.name == "STATEFUL" or not case.path_parameters:
        return
    name = operation_id(case)
    turn[name] += 1
    if turn[name] % 2:
        return
    if name == "gong_callback_of_source":
        case.path_parameters = {"source_id": OWN_SOURCE}
    elif "id" in case.path_parameters:
        kind = next((PREFIXES[part] for part in case.operation.path.split("/") if part in PREFIXES), "call")
        kind = "call" if "/calls/" in case.operation.path else kind
        if "/tenants/" not in case.operation.path and seen[kind]:
            case.path_parameters = {"id": seen[kind][turn[name] // 2 % len(seen[kind])]}


@schemathesis.hook
def after_call(context, case, response):
    # Requests with another method than the operation's own say nothing about it.
    if case.method.upper() != case.operation.method.upper():
        return
    answers[operation_id(case)][response.status_code] += 1
    if 200 <= response.status_code < 300 and response.content:
        remember(operation_id(case), response.text)


def remember(name, text):
    for found in re.finditer(r'"id":"((ep|dlv|run|src|tok)_[0-9a-f]{32})"', text):
        if found[1] not in seen[found[2]]:
            seen[found[2]].append(found[1])
    if name == "list_calls":
        for call in json.loads(text)["items"]:
            if call["id"] not in seen["call"]:
                seen["call"].append(call["id"])


@schemathesis.hook
def filter_failure(context, failure, case, response):
    name = type(failure).__name__
    if name == "IgnoredAuth":
        # Too many wrong tokens from one address are answered 429, which refuses them as well; the tool knows 401 and 403.
        return "got `429 " not in failure.message
    if name == "RejectedPositiveData" and response.status_code == 422:
        errors = response.json().get("errors", [])
        return not errors or not all(is_semantic(operation_id(case), error) for error in errors)
    return True


def is_semantic(name, error):
    return any(
        re.fullmatch(operation, name) and re.fullmatch(pointer, error["pointer"]) and words in error["detail"]
        for operation, pointer, words, _why in SEMANTIC
    )


@schemathesis.check
def role_is_kept(ctx, response, case):
    """A viewer changes nothing."""
    admin_route = case.operation.path.startswith("/api/v1/")
    if ROLE == "viewer" and admin_route and case.method.upper() != "GET":
        assert not 200 <= response.status_code < 300, f"a viewer was answered {response.status_code}"


@schemathesis.check
def nothing_leads_outside(ctx, response, case):
    """What is tested sends to our own receiver only, and mail into a directory."""
    if operation_id(case) in ("create_endpoint", "change_endpoint") and 200 <= response.status_code < 300:
        endpoint = response.json()
        assert endpoint["kind"] == "email" or endpoint["target"].startswith(SINK + "/"), endpoint["target"]


@atexit.register
def write_answers():
    with open(ANSWERS, "w", encoding="utf-8") as file:
        json.dump({name: dict(sorted(counts.items())) for name, counts in sorted(answers.items())}, file)
