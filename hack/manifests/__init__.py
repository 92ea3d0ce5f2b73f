"""The chart as plain manifests, for people without helm: rendered by helm once, committed, and compared in the tests.

    manifests/install.yaml            everything, for all namespaces, in the namespace jwks-operator
    manifests/namespace-install.yaml  an operator for the namespace that `kubectl apply -n` names, no ClusterRole
    manifests/sidecar-injection.yaml  the sidecar's policy, for Kubernetes 1.36 and newer
    manifests/kustomization.yaml      install.yaml as a base

A line of helm's own (who manages an object, from which chart) is left out: nothing of helm is there.
"""
