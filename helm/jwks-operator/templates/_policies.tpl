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

{{/* What a Secret and a ConfigMap of the operator's can hold, so that neither can be of use to anybody else: no token of
     a service account, no kubeconfig, no configuration that another component reads. */}}
{{- define "jwks-operator.contentVariables" -}}
- name: writes
  expression: variables.what in ['/secrets', '/configmaps'] && request.operation in ['CREATE', 'UPDATE']
- name: written
  expression: "variables.writes ? object : {'metadata': {}}"
- name: former
  expression: "variables.writes && request.operation == 'UPDATE' ? oldObject : {'metadata': {}}"
- name: data
  expression: "has(variables.written.data) ? variables.written.data : {}"
- name: ofSet
  expression: >-
    has(variables.written.metadata.labels) && 'jwks-operator.dev/set' in variables.written.metadata.labels ?
    variables.written.metadata.labels['jwks-operator.dev/set'] : ''
- name: keyring
  expression: "variables.what == '/secrets' && variables.writes && variables.written.type == 'jwks-operator.dev/keyring'"
{{- end }}

{{- define "jwks-operator.contentValidations" -}}
- expression: "!variables.writes || variables.ofSet != ''"
  reason: Forbidden
  message: jwks-operator may write only Secrets and ConfigMaps labelled with the name of a set, jwks-operator.dev/set
- expression: >-
    variables.what != '/secrets' || !variables.writes ||
    variables.written.type in ['Opaque', 'jwks-operator.dev/keyring']
  reason: Forbidden
  message: jwks-operator may write only Secrets of the types Opaque and jwks-operator.dev/keyring
- expression: >-
    variables.what != '/secrets' || !variables.writes ||
    variables.keyring == (variables.written.metadata.name == variables.ofSet + '-keyring')
  reason: Forbidden
  message: the keyring of a set, and no other Secret, has the name of the set with -keyring and the type jwks-operator.dev/keyring
- expression: >-
    variables.what != '/secrets' || !variables.writes || variables.data.all(key, variables.keyring ?
    key.matches('^([A-Za-z0-9_-]{43}|record)\\.json$') :
    key.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?\\.(jwk|jwks|pem|tls\\.crt|tls\\.key|kid|alg|ref)$'))
  reason: Forbidden
  message: a Secret of jwks-operator has no other data than keys of a set
- expression: >-
    variables.what != '/configmaps' || !variables.writes || variables.data.all(key,
    key == 'historical.jwt' ? variables.data[key].matches('^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$') :
    key == 'zz-serve.json' || key.endsWith('openid-configuration') ? variables.data[key].startsWith('{') :
    variables.data[key].startsWith('{"keys":[') || variables.data[key].matches(
    '^(# kid: [ -~]*\\n-----BEGIN PUBLIC KEY-----\\n[A-Za-z0-9+/=\\n]+-----END PUBLIC KEY-----\\n)*$'))
  reason: Forbidden
  message: a ConfigMap of jwks-operator has no other data than public keys and what is served beside them
- expression: >-
    !variables.writes || ((has(variables.written.metadata.finalizers) ? variables.written.metadata.finalizers : [])
    .all(each, has(variables.former.metadata.finalizers) && each in variables.former.metadata.finalizers) &&
    (!has(variables.written.metadata.ownerReferences) || (has(variables.former.metadata.ownerReferences) &&
    variables.written.metadata.ownerReferences == variables.former.metadata.ownerReferences)))
  reason: Forbidden
  message: jwks-operator may give an object neither finalizers nor owners
{{- with .Values.watchNamespaces }}
- expression: >-
    variables.what == 'coordination.k8s.io/leases' || request.namespace in {{ include "jwks-operator.celList" . }}
  reason: Forbidden
  message: jwks-operator may write only in the namespaces that it looks after
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

{{/* A pod that consented is refreshed by one annotation with a time, and nothing else of it changes. */}}
{{- define "jwks-operator.podRefreshVariables" -}}
- name: refreshes
  expression: variables.what == '/pods'
- name: podBefore
  expression: "variables.refreshes && request.operation == 'UPDATE' ? oldObject : {'metadata': {}, 'spec': {}}"
- name: podAfter
  expression: "variables.refreshes && request.operation == 'UPDATE' ? object : {'metadata': {}, 'spec': {}}"
- name: podNotesBefore
  expression: "has(variables.podBefore.metadata.annotations) ? variables.podBefore.metadata.annotations : {}"
- name: podNotesAfter
  expression: "has(variables.podAfter.metadata.annotations) ? variables.podAfter.metadata.annotations : {}"
{{- end }}

{{- define "jwks-operator.podRefreshValidations" -}}
- expression: >-
    !variables.refreshes || (request.operation == 'UPDATE' && has(oldObject.metadata.labels) &&
    'jwks-operator.dev/allow-set' in oldObject.metadata.labels)
  reason: Forbidden
  message: jwks-operator may refresh only pods labelled jwks-operator.dev/allow-set
- expression: >-
    variables.podAfter.spec == variables.podBefore.spec &&
    ['labels', 'finalizers', 'ownerReferences'].all(field,
    (field in variables.podAfter.metadata) == (field in variables.podBefore.metadata) &&
    (!(field in variables.podAfter.metadata) ||
    variables.podAfter.metadata[field] == variables.podBefore.metadata[field])) &&
    variables.podNotesAfter.all(note, note == 'jwks-operator.dev/refreshed-at' ?
    variables.podNotesAfter[note].matches('^[0-9TZ:.-]{20,30}$') :
    note in variables.podNotesBefore && variables.podNotesAfter[note] == variables.podNotesBefore[note]) &&
    variables.podNotesBefore.all(note, note in variables.podNotesAfter)
  reason: Forbidden
  message: jwks-operator may change nothing of a pod but the annotation jwks-operator.dev/refreshed-at, a time
{{- end }}

{{/* Whether the sidecar of `.sidecar` is injected: the API server is asked, never the version that helm was built for.
     Where there is none to ask (`helm template`), the kind is served if `--api-versions` says so. */}}
{{- define "jwks-operator.injects" -}}
{{- $served := .root.Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}
{{- if and .sidecar.enabled $served -}}
true
{{- end -}}
{{- end }}

{{/* What every injected sidecar may do, as members of its container in CEL. */}}
{{- define "jwks-operator.sidecarBounds" -}}
resources: Object.spec.initContainers.resources{
  {{- with .resources }}
  requests: {{ toJson .requests }},
  limits: {{ toJson .limits }}
  {{- end }}
},
securityContext: Object.spec.initContainers.securityContext{
  {{- with .runAsUser }}
  runAsUser: {{ int . }},
  {{- end }}
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: Object.spec.initContainers.securityContext.capabilities{drop: ["ALL"]},
  seccompProfile: Object.spec.initContainers.securityContext.seccompProfile{type: "RuntimeDefault"}
},
{{- end }}

{{/* The binding of an injecting policy of this name, with `.name`, `.root`. */}}
{{- define "jwks-operator.injectionBinding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels:
    {{- include "jwks-operator.labels" (dict "root" .root "component" "policy") | nindent 4 }}
spec:
  policyName: {{ .name }}
  {{- with include "jwks-operator.policyScope" .root }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}
