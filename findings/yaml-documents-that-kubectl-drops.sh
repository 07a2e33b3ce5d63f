#!/usr/bin/env bash
# kubectl applies the first of two objects, and says nothing of the second.
#
# Software: k8s.io/apimachinery 0.37.2 (pkg/util/yaml, which kubectl and client-go read files with) on
# go.yaml.in/yaml/v2 2.4.4. Seen 2026-11-28.
# Needs: bash, Go 1.26 or newer, its module proxy.
#
# A line `...` ends a document, and to YAML 1.2 another may follow it without `---` (chapter 9.1.4); YAML 1.1, which the
# parser reads, wants the `---`, and the parser says so. The decoder cuts a file at `---` alone, and of each piece it reads
# the first document: what follows is dropped, and is no error.
#
# Output seen:
#   "a: 1\n---\nb: 2\n"         parser {"a":1} {"b":2}  decoder {"a":1} {"b":2}
#   "a: 1\n...\nb: 2\n"         parser refuses  decoder {"a":1}
#   "a: 1\n...\n---\nb: 2\n"    parser {"a":1} {"b":2}  decoder {"a":1} {"b":2}
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

require (
	go.yaml.in/yaml/v2 v2.4.4
	k8s.io/apimachinery v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	goyaml "go.yaml.in/yaml/v2"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// all decodes until the end of a text, and writes what came as JSON.
func all(next func(*map[string]int) error) string {
	var seen []string
	for {
		document := map[string]int{}
		if err := next(&document); errors.Is(err, io.EOF) {
			return strings.Join(seen, " ")
		} else if err != nil {
			return "refuses"
		}
		written, err := json.Marshal(document)
		if err != nil {
			panic(err)
		}
		seen = append(seen, string(written))
	}
}

func main() {
	for _, text := range []string{"a: 1\n---\nb: 2\n", "a: 1\n...\nb: 2\n", "a: 1\n...\n---\nb: 2\n"} {
		parser := goyaml.NewDecoder(strings.NewReader(text))
		decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
		fmt.Printf("%-27q parser %s  decoder %s\n", text,
			all(func(into *map[string]int) error { return parser.Decode(into) }),
			all(func(into *map[string]int) error { return decoder.Decode(into) }))
	}
}
GO
go mod tidy 2>tidy || { cat tidy >&2; exit 1; }
go run . | tee seen
diff - seen <<'SEEN'
"a: 1\n---\nb: 2\n"         parser {"a":1} {"b":2}  decoder {"a":1} {"b":2}
"a: 1\n...\nb: 2\n"         parser refuses  decoder {"a":1}
"a: 1\n...\n---\nb: 2\n"    parser {"a":1} {"b":2}  decoder {"a":1} {"b":2}
SEEN
