// Command verifiers checks tokens with Go libraries, each with a living cache: verifiers REFRESH. It reads requests, a
// JSON object with library, jwksUri and token on each line, and answers each with ok or error.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/httprc/v3"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
)

var ctx = context.Background()

// A verifier of one URL; it keeps what its library keeps.
type verifier func(token string) error

// goOidc fetches when it meets an unknown kid, and never else.
func goOidc(uri string, _ time.Duration) (verifier, error) {
	keys := oidc.NewRemoteKeySet(ctx, uri)
	return func(token string) error {
		_, err := keys.VerifySignature(ctx, token)
		return err
	}, nil
}

// goOidcProvider finds the set by the discovery document of an issuer.
func goOidcProvider(issuer string, _ time.Duration) (verifier, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	checker := provider.Verifier(&oidc.Config{SkipClientIDCheck: true})
	return func(token string) error {
		_, err := checker.Verify(ctx, token)
		return err
	}, nil
}

// goJose reads sets and does not fetch; its user fetches for an unknown kid, as most do.
func goJose(uri string, _ time.Duration) (verifier, error) {
	var set jose.JSONWebKeySet
	fetch := func() error {
		reply, err := http.Get(uri)
		if err != nil {
			return err
		}
		defer reply.Body.Close()
		var found jose.JSONWebKeySet
		if err := json.NewDecoder(reply.Body).Decode(&found); err != nil {
			return err
		}
		set = found
		return nil
	}
	return func(token string) error {
		signed, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.EdDSA})
		if err != nil {
			return err
		}
		kid := signed.Signatures[0].Header.KeyID
		if len(set.Key(kid)) == 0 {
			if err := fetch(); err != nil {
				return err
			}
		}
		for _, key := range set.Key(kid) {
			_, err := signed.Verify(key)
			return err
		}
		return errors.New("no such key")
	}, nil
}

// keyFunc fetches every refresh, and for an unknown kid now and then.
func keyFunc(uri string, refresh time.Duration) (verifier, error) {
	store, err := jwkset.NewStorageFromHTTP(uri, jwkset.HTTPClientStorageOptions{Ctx: ctx, RefreshInterval: refresh})
	if err != nil {
		return nil, err
	}
	keys, err := keyfunc.New(keyfunc.Options{Ctx: ctx, Storage: store})
	if err != nil {
		return nil, err
	}
	return func(token string) error {
		_, err := jwt.Parse(token, keys.Keyfunc)
		return err
	}, nil
}

// jwx fetches every refresh, and not for an unknown kid.
func jwx(uri string, refresh time.Duration) (verifier, error) {
	cache, err := jwk.NewCache(ctx, httprc.NewClient())
	if err != nil {
		return nil, err
	}
	if err := cache.Register(ctx, uri, jwk.WithConstantInterval(refresh)); err != nil {
		return nil, err
	}
	return func(token string) error {
		set, err := cache.Lookup(ctx, uri)
		if err != nil {
			return err
		}
		_, err = jws.Verify([]byte(token), jws.WithKeySet(set))
		return err
	}, nil
}

var libraries = map[string]func(string, time.Duration) (verifier, error){
	"go-oidc": goOidc, "go-oidc provider": goOidcProvider, "go-jose": goJose, "keyfunc": keyFunc, "jwx": jwx,
}

func main() {
	refresh, err := time.ParseDuration(os.Args[1])
	if err != nil {
		panic(err)
	}
	verifiers := map[string]verifier{}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var asked struct{ Library, JwksUri, Token string }
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		name := asked.Library + " " + asked.JwksUri
		var err error
		if verifiers[name] == nil {
			verifiers[name], err = libraries[asked.Library](asked.JwksUri, refresh)
		}
		if err == nil {
			err = verifiers[name](asked.Token)
		}
		answer := map[string]any{"ok": err == nil}
		if err != nil {
			answer["error"] = err.Error()
		}
		text, _ := json.Marshal(answer)
		fmt.Println(string(text))
	}
}
