{{/* A list of strings in CEL. */}}
{{- define "jwks-operator.celList" -}}
[{{ range $index, $each := . }}{{ if $index }}, {{ end }}{{ squote $each }}{{ end }}]
{{- end }}

{{/* The namespaces that the operator looks after; a release for some of them is not to speak for others. */}}
{{- define "jwks-operator.policyScope" -}}
{{- with .Values.watchNamespaces -}}
matchResources:
  namespaceSelector:
    matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: In
        values:
          {{- toYaml . | nindent 10 }}
{{- end }}
{{- end }}

{{/* A restart is one annotation of the pod template of a workload that consented, and nothing else. */}}
{{- define "jwks-operator.restartVariables" -}}
- name: restarts
  expression: request.resource.group == 'apps'
- name: stays
  expression: "variables.restarts && request.operation == 'UPDATE' ? oldObject : {'spec': {'template': {'metadata': {}}}}"
- name: becomes
  expression: "variables.restarts && request.operation == 'UPDATE' ? object : {'spec': {'template': {'metadata': {}}}}"
- name: notesBefore
  expression: >-
    has(variables.stays.spec.template.metadata.annotations) ? variables.stays.spec.template.metadata.annotations : {}
- name: notesAfter
  expression: >-
    has(variables.becomes.spec.template.metadata.annotations) ? variables.becomes.spec.template.metadata.annotations : {}
{{- end }}

{{- define "jwks-operator.restartValidations" -}}
- expression: >-
    !variables.restarts || (request.operation == 'UPDATE' && has(oldObject.metadata.labels) &&
    has(object.metadata.labels) && 'jwks-operator.dev/allow-set' in oldObject.metadata.labels &&
    object.metadata.labels == oldObject.metadata.labels)
  reason: Forbidden
  message: jwks-operator may restart only workloads labelled jwks-operator.dev/allow-set
- expression: >-
    variables.becomes.spec.all(field, field == 'template' ||
    (field in variables.stays.spec && variables.becomes.spec[field] == variables.stays.spec[field])) &&
    variables.stays.spec.all(field, field in variables.becomes.spec) &&
    variables.becomes.spec.template.all(field, field == 'metadata' || (field in variables.stays.spec.template &&
    variables.becomes.spec.template[field] == variables.stays.spec.template[field])) &&
    variables.stays.spec.template.all(field, field in variables.becomes.spec.template) &&
    variables.becomes.spec.template.metadata.all(field, field == 'annotations' ||
    (field in variables.stays.spec.template.metadata &&
    variables.becomes.spec.template.metadata[field] == variables.stays.spec.template.metadata[field])) &&
    variables.stays.spec.template.metadata.all(field,
    field == 'annotations' || field in variables.becomes.spec.template.metadata) &&
    variables.notesAfter.all(note, note == 'jwks-operator.dev/restarted-for' ||
    (note in variables.notesBefore && variables.notesAfter[note] == variables.notesBefore[note])) &&
    variables.notesBefore.all(note, note in variables.notesAfter)
  reason: Forbidden
  message: >-
    jwks-operator may change nothing of a workload but the annotation jwks-operator.dev/restarted-for of its pod template
{{- end }}

{{/* Whether the API server serves MutatingAdmissionPolicies. A chart rendered without a cluster is told versions but no
     kinds; then the version of Kubernetes decides. */}}
{{- define "jwks-operator.injects" -}}
{{- $served := .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}
{{- $kinds := .Capabilities.APIVersions.Has "apps/v1/Deployment" -}}
{{- if and .Values.sidecarInjection.enabled (or $served (and (not $kinds) (semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version))) -}}
true
{{- end -}}
{{- end }}
