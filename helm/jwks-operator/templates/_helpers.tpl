{{/* Names */}}
{{- define "jwks-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "jwks-operator.fullname" -}}
{{- $name := include "jwks-operator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Of what has no namespace: several releases that look after different namespaces may share a cluster. */}}
{{- define "jwks-operator.clusterName" -}}
{{- $name := include "jwks-operator.fullname" . -}}
{{- if .Values.watchNamespaces -}}{{ printf "%s-%s" .Release.Namespace $name }}{{- else -}}{{ $name }}{{- end -}}
{{- end }}

{{- define "jwks-operator.serviceAccount" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "jwks-operator.fullname" . -}}
{{- else -}}
{{- fail "serviceAccount.create is false: name the account in serviceAccount.name" -}}
{{- end -}}
{{- end }}

{{/* The user that the API server takes the operator for. */}}
{{- define "jwks-operator.user" -}}
{{- printf "system:serviceaccount:%s:%s" .Release.Namespace (include "jwks-operator.serviceAccount" .) -}}
{{- end }}

{{/* Labels. Those of a pod's owner, its selector and its Service name the component. */}}
{{- define "jwks-operator.selector" -}}
app.kubernetes.io/name: {{ include "jwks-operator.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with .shard }}
jwks-operator.dev/shard: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Selects the pods, or the Services, of every shard. */}}
{{- define "jwks-operator.everyShard" -}}
{{- if .Values.shards -}}
matchLabels:
  app.kubernetes.io/name: {{ include "jwks-operator.name" . }}
  app.kubernetes.io/instance: {{ .Release.Name }}
matchExpressions:
  - key: app.kubernetes.io/component
    operator: In
    values: [operator, shard]
{{- else -}}
matchLabels:
  {{- include "jwks-operator.selector" (dict "root" . "component" "operator") | nindent 2 }}
{{- end -}}
{{- end }}

{{/* What is there once for each shard: the default one has the empty name, and component "operator". */}}
{{- define "jwks-operator.component" -}}
{{ ternary "shard" "operator" (not (empty .shard)) }}
{{- end }}

{{- define "jwks-operator.shardName" -}}
{{- $name := include "jwks-operator.fullname" .root -}}
{{- with .shard }}{{ $name = printf "%s-shard-%s" $name . }}{{ end -}}
{{- if gt (len $name) 55 -}}
{{- fail (printf "shards: %s-metrics is longer than the 63 characters of a name; choose a shorter shard, or fullnameOverride" $name) -}}
{{- end -}}
{{ $name }}
{{- end }}

{{/* Of several replicas of a shard one leads, by this Lease. */}}
{{- define "jwks-operator.lease" -}}
{{ include "jwks-operator.fullname" .root }}{{ with .shard }}-{{ . }}{{ end }}
{{- end }}

{{- define "jwks-operator.leases" -}}
{{- $root := . -}}
{{- $names := list -}}
{{- range $shard := prepend .Values.shards "" }}{{ $names = append $names (include "jwks-operator.lease" (dict "root" $root "shard" $shard)) }}{{ end -}}
{{ toJson $names }}
{{- end }}

{{- define "jwks-operator.labels" -}}
{{ include "jwks-operator.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "jwks-operator.image" -}}
{{- if eq .Values.image.tag "latest" -}}
{{- fail "image.tag: latest is another image tomorrow; name a version, or pin image.digest" -}}
{{- end -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "jwks-operator.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Pod Security "restricted". The user is that of the image, a number; OpenShift gives it another one. */}}
{{- define "jwks-operator.podSecurity" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "jwks-operator.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "jwks-operator.spread" -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- topologyKey: {{ . }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "jwks-operator.selector" $ | nindent 6 }}
{{- end }}
{{- end }}

{{/* The environment of anyone who asks the API server: the proxy on the way to it, if there is one. The API server itself is
not behind it: the kubelet fills in its address. */}}
{{- define "jwks-operator.proxyEnv" -}}
{{- with .Values.proxy }}
{{- with .http }}
- name: HTTP_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with .https }}
- name: HTTPS_PROXY
  value: {{ . | quote }}
{{- end }}
{{- if or .http .https }}
- name: NO_PROXY
  value: {{ concat (list "$(KUBERNETES_SERVICE_HOST)" "localhost" "127.0.0.1" ".svc" ".cluster.local") .bypass | join "," | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* How a monitor scrapes. */}}
{{- define "jwks-operator.scrape" -}}
interval: {{ .interval }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
