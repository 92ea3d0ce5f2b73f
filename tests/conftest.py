"""Fixtures for all tests."""

pytest_plugins = ["control_plane"]
