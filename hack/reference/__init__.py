"""Writes docs/reference.md, the reference of JsonWebKeySet, from the schema that the CRD has."""
