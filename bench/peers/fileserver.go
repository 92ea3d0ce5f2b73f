// A plain net/http file server, as a peer for the benchmark: fileserver ADDRESS FILE [CERTIFICATE KEY].
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	content, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	etag := fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256(content)))
	changed := time.Now()
	http.HandleFunc("/.well-known/jwks.json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Header().Set("ETag", etag)
		w.Header().Set("Access-Control-Allow-Origin", "*")
		http.ServeContent(w, r, "", changed, bytes.NewReader(content))
	})
	if len(os.Args) > 3 {
		log.Fatal(http.ListenAndServeTLS(os.Args[1], os.Args[3], os.Args[4], nil))
	}
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
