"""Renders the chart with helm, as `helm install` would, for tools that need the objects without a release."""

import functools
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from controlplane.errors import ControlPlaneError
from gotools import find_tool

CHART = Path(__file__).parents[2] / "helm" / "jwks-operator"
NAME = NAMESPACE = ACCOUNT = "jwks-operator"
"""Name and namespace of the release that tests and the demo render, and the operator's account in it."""
Object = dict[str, Any]


def render(values: Mapping[str, Any] | None = None, *options: str) -> str:
    """Return what `helm template` prints for these values; `options` are more of its own.

    Raises ControlPlaneError with helm's own words if it refuses.
    """
    return _render(json.dumps(dict(values or {}), sort_keys=True), options)


@functools.cache
def _render(values: str, options: tuple[str, ...]) -> str:
    done = subprocess.run(
        [find_tool("helm"), "template", NAME, CHART, f"--namespace={NAMESPACE}", "--values=-", *options],
        input=values,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ControlPlaneError(done.stderr.strip())
    return done.stdout


def render_objects(values: Mapping[str, Any] | None = None, *options: str) -> list[Object]:
    """Return the objects of `render`, without those of `helm test`."""
    loaded = yaml.load_all(render(values, "--no-hooks", *options), Loader=yaml.CSafeLoader)
    return [each for each in loaded if each]


def operator_rules(values: Mapping[str, Any] | None = None) -> list[dict[str, list[str]]]:
    """Return every rule that the operator's account is bound to."""
    found = render_objects({**(values or {}), "crds": {"install": False}})
    bound = {
        (each["roleRef"]["kind"], each["roleRef"]["name"])
        for each in found
        if each["kind"].endswith("RoleBinding") and any(to["name"] == ACCOUNT for to in each["subjects"])
    }
    return [rule for each in found if (each["kind"], each["metadata"]["name"]) in bound for rule in each["rules"]]
