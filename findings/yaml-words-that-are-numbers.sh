#!/usr/bin/env bash
# Words that no YAML takes for numbers are numbers to kubectl, and one that every YAML takes for one is a text.
#
# Software: sigs.k8s.io/yaml 1.6.0 (what kubectl reads manifests with). Seen 2026-11-28.
# Needs: bash, Go 1.26 or newer, its module proxy.
#
# The parser drops every `_` before it looks, wherever it stands, and hands what is behind `0b` to a function that
# takes a sign. A number too large for a float64, which JSON and YAML may hold, is a text.
#
# Output seen:
#   -_2   -> -2
#   1__0_ -> 10
#   0b-1  -> -1
#   1e308 -> 1e+308
#   1e400 -> "1e400"
set -euo pipefail
export LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/finding"
cd "$work/finding"
# What is fetched goes with the folder; Go's modules are read-only unless `-modcacherw` is said.
export GOPATH="$work/go" GOFLAGS=-modcacherw

cat > go.mod <<'MOD'
module finding

go 1.26.0

require sigs.k8s.io/yaml v1.6.0
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

func main() {
	for _, word := range []string{"-_2", "1__0_", "0b-1", "1e308", "1e400"} {
		written, err := yaml.YAMLToJSON([]byte(word))
		if err != nil {
			panic(err)
		}
		fmt.Printf("%-5s -> %s\n", word, strings.TrimSpace(string(written)))
	}
}
GO
go mod tidy 2>tidy || { cat tidy >&2; exit 1; }
go run . | tee seen
diff - seen <<'SEEN'
-_2   -> -2
1__0_ -> 10
0b-1  -> -1
1e308 -> 1e+308
1e400 -> "1e400"
SEEN
