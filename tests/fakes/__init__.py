"""A Kubernetes API in memory, faithful where the operator leans on it; tests/conformance holds it to that."""
