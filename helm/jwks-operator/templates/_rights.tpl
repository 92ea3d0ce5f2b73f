{{/* What the operator does in each namespace that it looks after, verb by verb. A test compares it with the API
     server's audit log: a right that is not used and a use without a right both fail. */}}
{{- define "jwks-operator.rules" -}}
- apiGroups: [jwks-operator.dev]
  resources: [jsonwebkeysets]
  verbs: [get, list, watch]
- apiGroups: [jwks-operator.dev]
  resources: [jsonwebkeysets/status]
  verbs: [patch]
# Keyring and consumer Secret; the published set. RBAC knows neither labels nor names that are not made yet.
- apiGroups: [""]
  resources: [secrets, configmaps]
  verbs: [get, list, watch, create, update, delete]
# An Event of what goes on for long is counted by an update.
- apiGroups: [""]
  resources: [events]
  verbs: [create, update]
# Sets with publish.serviceName: which pods serve the set, and whether they are still there.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list]
- apiGroups: [""]
  resources: [pods, services]
  verbs: [get]
{{- if .Values.podRefresh.enabled }}
# Pods that read revoked keys no longer than they must.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, patch]
{{- end }}
{{- if .Values.restarts.enabled }}
# Sets with secret.restart.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [list, patch]
{{- end }}
{{- end }}

{{- define "jwks-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "jwks-operator.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
