#!/usr/bin/env python3
"""Verifies a webhook of aftercall. Python 3.8 or newer, nothing but the standard library.

As a library: verify() or verify_plain(). By hand: verify.py [--plain] SECRET HEADERS-FILE BODY-FILE
"""
import base64
import binascii
import hashlib
import hmac
import re
import sys
import time

TOLERANCE = 300  # seconds


class Refused(ValueError):
    """The request must not be believed; says why."""


def verify(secret: str, headers, body: bytes) -> str:
    """Returns the webhook-id, or raises Refused. `headers` has a `get` that finds names in whatever letter case."""
    webhook_id = headers.get("webhook-id") or ""
    timestamp = headers.get("webhook-timestamp") or ""
    signatures = headers.get("webhook-signature") or ""
    if not (webhook_id and signatures and re.fullmatch("[0-9]{1,12}", timestamp)):
        raise Refused("not signed: webhook-id, webhook-timestamp or webhook-signature is missing")
    if abs(time.time() - int(timestamp)) > TOLERANCE:
        raise Refused("webhook-timestamp is too old, or from the future")
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest())
    # Several while a secret is rotated; one has to fit.
    if not any(hmac.compare_digest(expected, one.encode()) for one in signatures.split()):
        raise Refused("webhook-signature does not match")
    return webhook_id


def verify_plain(secret: str, headers, body: bytes) -> None:
    """The other signature: the key is the text of the secret, the message is the body alone."""
    if not secret:
        raise Refused("no secret is set")
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), (headers.get("x-signature") or "").encode()):
        raise Refused("x-signature is missing or does not match")


def _key(secret: str) -> bytes:
    """What base64 after whsec_ decodes to; of any other secret its text."""
    try:
        key = base64.b64decode(secret[6:], validate=True) if secret.startswith("whsec_") else secret.encode()
    except binascii.Error:
        key = b""
    if not key:
        raise Refused("no secret is set, or it is not base64 after whsec_")
    return key


def main(arguments: list) -> int:
    plain = arguments[:1] == ["--plain"]
    if len(arguments) != 3 + plain:
        print("usage: verify.py [--plain] SECRET HEADERS-FILE BODY-FILE", file=sys.stderr)
        return 2
    secret, headers_file, body_file = arguments[plain:]
    with open(headers_file, encoding="latin-1") as lines:
        pairs = (line.split(":", 1) for line in lines if ":" in line)
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
    with open(body_file, "rb") as file:
        body = file.read()
    try:
        (verify_plain if plain else verify)(secret, headers, body)
    except Refused as error:
        print(f"refused: {error}")
        return 1
    print("verified")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
