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

{{/* A restart is an annotation of the pod template and nothing else. */}}
{{- define "jwks-operator.restartValidation" -}}
- expression: >-
    request.resource.group != 'apps' ||
    (request.operation == 'UPDATE' && object.spec.template.spec == oldObject.spec.template.spec)
  reason: Forbidden
  message: jwks-operator may change nothing of a workload but an annotation of its pod template
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
