// Package issuer signs a token with the key in use: go-jose, the Secret `auth` mounted at /etc/signing.
package issuer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Sign reads the key each time: it is one small file, and a rotation needs no restart.
func Sign(subject, mounted string) (string, error) {
	file, err := os.ReadFile(filepath.Join(mounted, "signing.jwk"))
	if err != nil {
		return "", err
	}
	var key jose.JSONWebKey
	if err := json.Unmarshal(file, &key); err != nil {
		return "", err
	}
	with := jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}
	signer, err := jose.NewSigner(with, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	now := time.Now()
	claims := jwt.Claims{
		Issuer:   "https://auth.example.com",
		Subject:  subject,
		IssuedAt: jwt.NewNumericDate(now),
		Expiry:   jwt.NewNumericDate(now.Add(15 * time.Minute)),
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}
