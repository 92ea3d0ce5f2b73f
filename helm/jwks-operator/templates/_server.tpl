{{/* Whether a set is followed through the API, which takes an account; else its ConfigMap is mounted. */}}
{{- define "jwks-operator.server.watched" -}}
{{- if or .root.Values.server.watch (ne (default .root.Release.Namespace .set.namespace) .root.Release.Namespace) -}}true{{- end -}}
{{- end }}

{{/* Several sets on one server have a path each, so that none can be served in the place of another. */}}
{{- define "jwks-operator.server.checkPaths" -}}
{{- $paths := list }}
{{- range .Values.server.sets }}
{{- $paths = append $paths (default "" .path) }}
{{- end }}
{{- if and (gt (len $paths) 1) (has "" $paths) }}
{{- fail "server.sets: a set without a path is served alone; give each of several sets a path, such as path: shop" }}
{{- end }}
{{- if ne (len $paths) (len (uniq $paths)) }}
{{- fail "server.sets: two sets have the same path" }}
{{- end }}
{{- range list "healthz" "readyz" "metrics" }}
{{- if has . $paths }}
{{- fail (printf "server.sets: %s is the path of a probe; choose another one" .) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "jwks-operator.server.arguments" -}}
{{- range $index, $set := .Values.server.sets }}
{{- $prefix := ternary (printf "%s=" $set.path) "" (not (empty $set.path)) }}
{{- if include "jwks-operator.server.watched" (dict "root" $ "set" $set) }}
- --watch-configmap={{ $prefix }}{{ default $.Release.Namespace $set.namespace }}/{{ $set.configMap }}
{{- else if $set.path }}
- --set={{ $set.path }}=/etc/jwks/{{ $index }}
{{- else }}
- --file=/etc/jwks/{{ $index }}
{{- end }}
{{- end }}
{{- end }}

{{- define "jwks-operator.server.watches" -}}
{{- range .Values.server.sets }}{{ include "jwks-operator.server.watched" (dict "root" $ "set" .) }}{{ end -}}
{{- end }}

{{- define "jwks-operator.server.port" -}}
{{- with .Values.server }}{{ .service.port | default (ternary 443 80 (not (empty .tls.secretName))) }}{{ end -}}
{{- end }}
