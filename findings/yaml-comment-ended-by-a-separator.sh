#!/usr/bin/env bash
# A comment ends at three characters that most editors do not show as the end of a line.
#
# Software: sigs.k8s.io/yaml 1.6.0 (what kubectl reads manifests with). Seen 2026-11-28.
# Needs: bash, Go 1.26 or newer, Node.js with npm; the module proxy and the npm registry.
#
# NEL, LS and PS (U+0085, U+2028, U+2029) end a line, as YAML 1.1 says; YAML 1.2, and so readers in other
# languages, take them for characters of the comment. What stands behind one in a comment is part of the
# object to kubectl, and of the comment to the others. (js-yaml 4.1.0 stands for those here.)
#
# Output seen:
#   U+0085 kubectl: {"a":1,"b":2}  js-yaml: {"a":1}
#   U+2028 kubectl: {"a":1,"b":2}  js-yaml: {"a":1}
#   U+2029 kubectl: {"a":1,"b":2}  js-yaml: {"a":1}
set -euo pipefail
export LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/finding"
cd "$work/finding"
# What is fetched goes with the folder; Go's modules are read-only unless `-modcacherw` is said.
export GOPATH="$work/go" GOFLAGS=-modcacherw
export npm_config_cache="$work/npm"

cat > go.mod <<'MOD'
module finding

go 1.26.0

require sigs.k8s.io/yaml v1.6.0
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"io"
	"os"

	"sigs.k8s.io/yaml"
)

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	written, err := yaml.YAMLToJSON(text)
	if err != nil {
		panic(err)
	}
	fmt.Print(string(written))
}
GO
go mod tidy 2>tidy || { cat tidy >&2; exit 1; }
go build -o kubectl-yaml .
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts js-yaml@4.1.0
cat > read.mjs <<'JS'
import fs from "node:fs";
import yaml from "js-yaml";
process.stdout.write(JSON.stringify(yaml.load(fs.readFileSync(0, "utf8"))));
JS
for separator in 0085 2028 2029; do
  printf 'a: 1 # comment\u'"$separator"'b: 2\n' > manifest.yaml
  printf 'U+%s kubectl: %s  js-yaml: %s\n' "$separator" \
    "$(./kubectl-yaml < manifest.yaml)" "$(node read.mjs < manifest.yaml)"
done | tee seen
diff - seen <<'SEEN'
U+0085 kubectl: {"a":1,"b":2}  js-yaml: {"a":1}
U+2028 kubectl: {"a":1,"b":2}  js-yaml: {"a":1}
U+2029 kubectl: {"a":1,"b":2}  js-yaml: {"a":1}
SEEN
