"""The stages of the cluster tests."""

from cluster.conftest import stage

__all__ = ["stage"]
