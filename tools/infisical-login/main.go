// Logs in by Infisical's own client, as it is published, and prints what becomes of its access token: a line for each
// that it gets, and a last one once it has revoked the last.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	infisical "github.com/infisical/go-sdk"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: infisical-login URL IDENTITY FILE-WITH-A-TOKEN NUMBER-OF-ACCESS-TOKENS")
		os.Exit(2)
	}
	var wanted int
	if _, err := fmt.Sscan(os.Args[4], &wanted); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], wanted); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

func run(url, identity, file string, wanted int) error {
	// It renews in the background, and logs in again once it cannot.
	client := infisical.NewInfisicalClient(context.Background(), infisical.Config{SiteUrl: url, SilentMode: true})
	made, err := client.Auth().KubernetesAuthLogin(identity, file)
	if err != nil {
		return err
	}
	fmt.Println("token", made.AccessToken, made.TokenType, made.ExpiresIn, made.AccessTokenMaxTTL)
	last, deadline := made.AccessToken, time.Now().Add(time.Minute)
	for number := 1; number < wanted; {
		if time.Now().After(deadline) {
			return errors.New("the client got no further token in a minute")
		}
		if token := client.Auth().GetAccessToken(); token != last {
			fmt.Println("token", token)
			last, number = token, number+1
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := client.Auth().RevokeAccessToken(); err != nil {
		return err
	}
	fmt.Println("revoked")
	return nil
}
