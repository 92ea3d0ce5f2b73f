"""Tries what docs/security.md says nobody can, on a real API server, and shows what was refused: `make attack`."""
