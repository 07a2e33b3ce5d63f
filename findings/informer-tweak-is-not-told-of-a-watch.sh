#!/usr/bin/env bash
# The options that an informer lets a program change do not say if they are of a list or of a watch.
#
# Software: k8s.io/client-go 0.37.2 (informers). Seen 2026-11-28.
# Needs: bash, Go 1.26 or newer, its module proxy.
#
# `informers.WithTweakListOptions` is called before each list and each watch. `ListOptions.Watch` is false at both: the
# typed client sets it after that. So `if options.Watch { options.TimeoutSeconds = … }` changes nothing, without an error,
# and the watch keeps the five to ten minutes that the informer itself has chosen. Changed without a condition, the time
# is that of lists and watches.
#
# Output seen:
#   if options.Watch: told of a watch 0 times, watch for 300 s or more
#   always:           told of a watch 0 times, watch for 7 s
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
	k8s.io/apimachinery v0.37.2
	k8s.io/client-go v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// run starts an informer and returns how often it was told of a watch, and for how long it watches.
func run(tweak func(*metav1.ListOptions)) (int32, int) {
	seconds := make(chan int, 8)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		w.Header().Set("Content-Type", "application/json")
		if query.Get("watch") == "" {
			fmt.Fprint(w, `{"apiVersion":"v1","kind":"PodList","metadata":{"resourceVersion":"1"},"items":[]}`)
			return
		}
		// A watch that also lists is refused, as by servers that do not know it: a list and a plain watch follow.
		if query.Get("sendInitialEvents") != "" {
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"apiVersion":"v1","kind":"Status","status":"Failure","reason":"Invalid","code":422}`)
			return
		}
		timeout, _ := strconv.Atoi(query.Get("timeoutSeconds"))
		seconds <- timeout
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	var told atomic.Int32
	client := kubernetes.NewForConfigOrDie(&rest.Config{Host: server.URL})
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0,
		informers.WithTweakListOptions(func(options *metav1.ListOptions) {
			if options.Watch {
				told.Add(1)
			}
			tweak(options)
		}))
	factory.Core().V1().Pods().Informer()
	stop := make(chan struct{})
	factory.Start(stop)
	defer server.CloseClientConnections()
	defer close(stop)
	select {
	case timeout := <-seconds:
		return told.Load(), timeout
	case <-time.After(30 * time.Second):
		panic("no watch")
	}
}

func main() {
	seven := int64(7)
	told, timeout := run(func(options *metav1.ListOptions) {
		if options.Watch {
			options.TimeoutSeconds = &seven
		}
	})
	text := fmt.Sprintf("%d s", timeout)
	if timeout >= 300 {
		text = "300 s or more"
	}
	fmt.Printf("if options.Watch: told of a watch %d times, watch for %s\n", told, text)
	told, timeout = run(func(options *metav1.ListOptions) { options.TimeoutSeconds = &seven })
	fmt.Printf("always:           told of a watch %d times, watch for %d s\n", told, timeout)
}
GO
go mod tidy 2>tidy || { cat tidy >&2; exit 1; }
go run . | tee seen
diff - seen <<'SEEN'
if options.Watch: told of a watch 0 times, watch for 300 s or more
always:           told of a watch 0 times, watch for 7 s
SEEN
