#!/usr/bin/env bash
# A client that logs in a second time logs in a third time where it would have renewed.
#
# Software: github.com/infisical/go-sdk 0.8.0. Seen 2026-11-28.
# Needs: bash, Go 1.26 or newer, its module proxy.
#
# The client renews an access token five seconds before its end, or logs in again if less than the token's life is left
# until `accessTokenMaxTTL`. It counts that from the first login: a later one by the same method has a new token, with
# all of its maximum before it, and does not begin the count anew. A server in the same program stands for Infisical,
# and gives tokens of 8 seconds that can be renewed for 13.
#
# Output seen:
#   one login:                        login, renew
#   another login after 2.5 seconds:  login, login, login
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

require github.com/infisical/go-sdk v0.8.0
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"time"

	infisical "github.com/infisical/go-sdk"
)

// run logs in, and again after each pause; it returns what the server was asked for in the 4.5 seconds after that.
func run(pauses ...time.Duration) string {
	var lock sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		asked = append(asked, path.Base(r.URL.Path))
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"accessToken":"t%d","expiresIn":8,"accessTokenMaxTTL":13,"tokenType":"Bearer"}`, len(asked))
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client := infisical.NewInfisicalClient(ctx, infisical.Config{SiteUrl: server.URL, SilentMode: true})
	login := func() {
		if _, err := client.Auth().KubernetesRawServiceAccountTokenLogin("an-identity", "a-jwt"); err != nil {
			panic(err)
		}
	}
	login()
	for _, pause := range pauses {
		time.Sleep(pause)
		login()
	}
	time.Sleep(4500 * time.Millisecond)
	lock.Lock()
	defer lock.Unlock()
	return strings.Join(asked, ", ")
}

func main() {
	fmt.Printf("%-33s %s\n", "one login:", run())
	fmt.Printf("%-33s %s\n", "another login after 2.5 seconds:", run(2500*time.Millisecond))
}
GO
go mod tidy 2>tidy || { cat tidy >&2; exit 1; }
go run . | tee seen
diff - seen <<'SEEN'
one login:                        login, renew
another login after 2.5 seconds:  login, login, login
SEEN
