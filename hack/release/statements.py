"""What is said of the files of a release: the krew manifest, provenance, SHA256SUMS. They come last, in this order."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from release.archive import names_of
from release.plan import Plan

SUMS, PROVENANCE, KREW = "SHA256SUMS", "provenance.intoto.json", "krew.yaml"
PLATFORMS = ("linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64", "windows-amd64")
"""Those that the release workflow builds the plugin for."""


def make_statements(plan: Plan) -> None:
    """Write the krew manifest for the plugins that are there, provenance of all files, and the sums of everything."""
    for name in (KREW, PROVENANCE, SUMS):
        (plan.directory / name).unlink(missing_ok=True)
    if platforms := list(_platforms(plan)):
        (plan.directory / KREW).write_text(yaml.safe_dump(render_krew(plan, platforms), sort_keys=False, width=110))
    (plan.directory / PROVENANCE).write_text(json.dumps(render_provenance(plan), indent=2) + "\n")
    sums = "".join(f"{digest_file(path)}  {path.name}\n" for path in names_of(plan.directory))
    (plan.directory / SUMS).write_text(sums)


def render_krew(plan: Plan, platforms: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the manifest of a krew index."""
    return {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "jwks"},
        "spec": {
            "version": f"v{plan.version}",
            "homepage": plan.source,
            "shortDescription": "See, plan and rotate JSON Web Keys",
            "description": "See where every key of jwks-operator stands, plan before you apply, ask for a rotation\n"
            "and watch it until it is served, check what verifiers get, and move keys in and out.\n",
            "platforms": platforms,
        },
    }


def _platforms(plan: Plan) -> Iterator[dict[str, Any]]:
    for each in PLATFORMS:
        archive = plan.directory / f"kubectl-jwks-{each}.tar.gz"
        if archive.exists():
            system, _, machine = each.partition("-")
            yield {
                "selector": {"matchLabels": {"os": system, "arch": machine}},
                "uri": f"{plan.source}/releases/download/v{plan.version}/{archive.name}",
                "sha256": digest_file(archive),
                "bin": "kubectl-jwks.exe" if system == "windows" else "kubectl-jwks",
            }


def render_provenance(plan: Plan) -> dict[str, Any]:
    """Return an in-toto statement (SLSA provenance v1) of every file: from which commit, by which command."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": path.name, "digest": {"sha256": digest_file(path)}} for path in names_of(plan.directory)],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": f"{plan.source}/blob/v{plan.version}/Makefile#release",
                "externalParameters": {"image": plan.image, "source": plan.source, "sourceDateEpoch": plan.epoch},
                "resolvedDependencies": [{"uri": f"git+{plan.source}", "digest": {"gitCommit": plan.commit}}],
            },
            "runDetails": {"builder": {"id": f"{plan.source}/blob/v{plan.version}/hack/release"}},
        },
    }


def digest_file(path: Path) -> str:
    """Return the digest of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
