#!/usr/bin/env bash
# A comma too many in a label selector selects more, and an empty list selects something.
#
# Software: k8s.io/apimachinery 0.37.2 (pkg/labels), which kubectl, client-go and kube-apiserver read
# selectors with. Seen 2026-11-28.
# Needs: bash, Go 1.26 or newer, its module proxy.
#
# `env in (a,)` is no error and not the same as `env in (a)`: it also selects objects whose label `env` has
# the empty value, which Kubernetes allows. `env in ()` selects those alone, although the same selector in
# JSON (`matchExpressions` with `values: []`) is refused.
#
# Output seen:
#   env in (a)   -> env in (a): a
#   env in (a,)  -> env in (,a): a, empty
#   env in ()    -> env in (): empty
#   {"operator":"In","values":[]} -> refused
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

require k8s.io/apimachinery v0.37.2
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

func main() {
	for _, text := range []string{"env in (a)", "env in (a,)", "env in ()"} {
		selector, err := labels.Parse(text)
		if err != nil {
			fmt.Printf("%-12s -> refused\n", text)
			continue
		}
		var selected []string
		for _, value := range []string{"a", ""} {
			if selector.Matches(labels.Set{"env": value}) {
				selected = append(selected, map[bool]string{true: "empty", false: value}[value == ""])
			}
		}
		fmt.Printf("%-12s -> %s: %s\n", text, selector, strings.Join(selected, ", "))
	}
	expression := metav1.LabelSelectorRequirement{Key: "env", Operator: metav1.LabelSelectorOpIn}
	_, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{
		MatchExpressions: []metav1.LabelSelectorRequirement{expression},
	})
	fmt.Printf("{\"operator\":\"In\",\"values\":[]} -> %s\n", map[bool]string{true: "refused", false: "taken"}[err != nil])
}
GO
go mod tidy 2>tidy || { cat tidy >&2; exit 1; }
go run . | tee seen
diff - seen <<'SEEN'
env in (a)   -> env in (a): a
env in (a,)  -> env in (,a): a, empty
env in ()    -> env in (): empty
{"operator":"In","values":[]} -> refused
SEEN
