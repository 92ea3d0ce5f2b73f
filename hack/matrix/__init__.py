"""Runs the tests on the API servers of other Kubernetes versions, and keeps the record of what passed.

    make matrix K8S=1.30.14,1.37.2                  build and test; print a table
    make matrix K8S=1.37.2 MATRIX_ARGS=--write      and write it into docs/kubernetes-versions.json

README, chart and docs claim what that record says and nothing else: `make generate` writes their sentences.
"""
