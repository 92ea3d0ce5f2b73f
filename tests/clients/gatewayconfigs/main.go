// Command gatewayconfigs reads manifests of Envoy Gateway and Istio from standard input, strictly by the types of their
// own Go modules: an unknown field, or a value of another type, is an error.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	gateway "github.com/envoyproxy/gateway/api/v1alpha1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	istio "istio.io/api/security/v1"
	"sigs.k8s.io/yaml"
)

// A kind reads one manifest strictly.
type kind func(manifest []byte) error

var kinds = map[string]kind{
	"gateway.envoyproxy.io/v1alpha1 SecurityPolicy": func(manifest []byte) error {
		return yaml.UnmarshalStrict(manifest, new(gateway.SecurityPolicy))
	},
	"security.istio.io/v1 RequestAuthentication": ofSpec(new(istio.RequestAuthentication)),
	"security.istio.io/v1 AuthorizationPolicy":   ofSpec(new(istio.AuthorizationPolicy)),
}

// ofSpec reads the spec of a manifest as the message that it is.
func ofSpec(message proto.Message) kind {
	return func(manifest []byte) error {
		var parts struct{ Spec map[string]any }
		if err := yaml.Unmarshal(manifest, &parts); err != nil {
			return err
		}
		spec, err := json.Marshal(parts.Spec)
		if err != nil {
			return err
		}
		return protojson.Unmarshal(spec, message)
	}
}

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	for _, each := range bytes.Split(text, []byte("\n---\n")) {
		var head struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal(each, &head); err != nil {
			panic(err)
		}
		name := head.APIVersion + " " + head.Kind
		read, known := kinds[name]
		if !known {
			continue
		}
		if err := read(each); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
		fmt.Println(name)
	}
}
