"""The notes of a release are its own section of the changelog, and its tag is its version."""

import pytest

from controlplane.errors import ControlPlaneError
from generated import ROOT
from jwks_operator import __version__
from release.notes import read_notes

CHANGELOG = f"""\
# Changelog

## [Unreleased]

- Later.

## [{__version__}] - 2026-11-29

What it is.

### Added

- Keys.

## [0.0.1]

- Before.
"""


def test_this_version_has_notes() -> None:
    assert read_notes(f"v{__version__}", (ROOT / "CHANGELOG.md").read_text())


def test_they_are_the_section_of_that_version_alone() -> None:
    assert read_notes(f"v{__version__}", CHANGELOG) == "What it is.\n\n### Added\n\n- Keys.\n"


@pytest.mark.parametrize("tag", [__version__, "v0.0.1", f"v{__version__}-rc1"])
def test_a_tag_of_another_version_is_refused(tag: str) -> None:
    with pytest.raises(ControlPlaneError, match="is not v"):
        read_notes(tag, CHANGELOG)


def test_a_version_without_a_section_is_refused() -> None:
    with pytest.raises(ControlPlaneError, match="no section"):
        read_notes(f"v{__version__}", CHANGELOG.replace(f"[{__version__}]", "[9.9.9]"))
