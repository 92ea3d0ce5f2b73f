// Command issuer prints a token of the issuer that docs/issuers.md shows: issuer DIRECTORY SUBJECT.
package main

import (
	"fmt"
	"os"

	"jwks-operator.dev/tests/docs/issuer"
)

func main() {
	token, err := issuer.Sign(os.Args[2], os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(token)
}
