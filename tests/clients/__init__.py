"""Verifiers that are not our code, for tests that ask whether the world accepts our tokens."""
