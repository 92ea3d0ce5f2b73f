{{/* Whether a set is followed through the API, which takes an account; else its ConfigMap is mounted. */}}
{{- define "jwks-operator.server.watched" -}}
{{- if or .root.Values.server.watch (ne (default .root.Release.Namespace .set.namespace) .root.Release.Namespace) -}}true{{- end -}}
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
