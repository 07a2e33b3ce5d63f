#!/usr/bin/env bash
# One manifest is two objects: kubectl and the official Python client do not read the same YAML.
#
# Software: sigs.k8s.io/yaml 1.6.0 (what kubectl reads manifests with); kubernetes 37.0.2 from PyPI
# (`utils.create_from_yaml`), with PyYAML 6.0.4 and pydantic 2.14.4. Seen 2026-11-28.
# Needs: bash, Go 1.26 or newer, Python 3 with venv; the module proxy and PyPI.
#
# Both are said to read YAML 1.1, and read plain values differently. `1:30` and a timestamp are texts to kubectl,
# and so are good annotations; to Python they are the number 90 and a date, which the client itself refuses.
# `1e3` and `0o14` are numbers to kubectl, which no API server takes as annotations, and texts to Python.
#
# Output seen:
#   a-time: 1:30                  kubectl "1:30"                  python refuses
#   b-stamp: 2026-01-02T03:04:05Z kubectl "2026-01-02T03:04:05Z"  python refuses
#   c-exponent: 1e3               kubectl 1000                    python "1e3"
#   d-octal: 0o14                 kubectl 12                      python "0o14"
set -euo pipefail
export LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/finding"
cd "$work/finding"
# What is fetched goes with the folder; Go's modules are read-only unless `-modcacherw` is said.
export GOPATH="$work/go" GOFLAGS=-modcacherw
export PIP_NO_CACHE_DIR=1

manifest() {
  printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  annotations:\n    %s\n' "$1" > manifest.yaml
}

cat > go.mod <<'MOD'
module finding

go 1.26.0

require sigs.k8s.io/yaml v1.6.0
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

func main() {
	text, err := os.ReadFile("manifest.yaml")
	if err != nil {
		panic(err)
	}
	written, err := yaml.YAMLToJSON(text)
	if err != nil {
		panic(err)
	}
	var object struct {
		Metadata struct{ Annotations map[string]json.RawMessage }
	}
	if err := json.Unmarshal(written, &object); err != nil {
		panic(err)
	}
	for _, value := range object.Metadata.Annotations {
		fmt.Printf("%s", value)
	}
}
GO
go mod tidy 2>tidy || { cat tidy >&2; exit 1; }
go build -o kubectl-yaml .

python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check kubernetes==37.0.2 PyYAML==6.0.4 pydantic==2.14.4
cat > main.py <<'PY'
"""Shows what the client sends, to a server on loopback that takes everything."""
import http.server
import json
import threading

from kubernetes import client, utils


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        for value in body["metadata"]["annotations"].values():
            print(json.dumps(value), end="")
        answer = json.dumps(body).encode()
        self.send_response(201)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
configuration = client.Configuration(host=f"http://127.0.0.1:{server.server_port}")
try:
    utils.create_from_yaml(client.ApiClient(configuration), "manifest.yaml", namespace="default")
except ValueError:  # what pydantic raises; nothing was sent
    print("refuses", end="")
PY
for annotation in 'a-time: 1:30' 'b-stamp: 2026-01-02T03:04:05Z' 'c-exponent: 1e3' 'd-octal: 0o14'; do
  manifest "$annotation"
  printf '%-29s kubectl %-23s python %s\n' "$annotation" "$(./kubectl-yaml)" "$(python/bin/python main.py)"
done | tee seen
diff - seen <<'SEEN'
a-time: 1:30                  kubectl "1:30"                  python refuses
b-stamp: 2026-01-02T03:04:05Z kubectl "2026-01-02T03:04:05Z"  python refuses
c-exponent: 1e3               kubectl 1000                    python "1e3"
d-octal: 0o14                 kubectl 12                      python "0o14"
SEEN
