"""Fixtures for all tests, and one profile for all properties: no deadlines, and in CI the same examples every time."""

import os

from hypothesis import settings

pytest_plugins = ["control_plane", "longest_first"]

settings.register_profile("project", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("project")
