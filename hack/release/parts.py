"""The parts of a release, each made by one function from a plan."""

import shutil
import subprocess
from pathlib import Path

from controlplane.errors import ControlPlaneError
from generated import ROOT
from gotools import find_tool
from helmchart.render import CHART
from manifests.render import INSTALL, KUSTOMIZATION, render_manifests
from node.images import build_image, save_image
from release.archive import read_texts, repack_archive, repack_image, write_archive
from release.freeze import find_uv, freeze_plugin, platform_name
from release.plan import SOURCE, Plan

CRDS = ROOT / "crds" / "jsonwebkeysets.jwks-operator.dev.yaml"
NAME = "jwks-operator"


def make_manifests(plan: Plan) -> None:
    """Write the plain manifests, with the release's image, and the kustomize base."""
    found = render_manifests(plan.image)
    for name, text in found.items():
        if name != KUSTOMIZATION:
            (plan.directory / name).write_text(text)
    shutil.copy(CRDS, plan.directory / "crds.yaml")
    base = {name: found[name] for name in (KUSTOMIZATION, INSTALL)}
    write_archive(plan.directory / f"{NAME}-kustomize-{plan.version}.tar.gz", read_texts(base), plan.epoch)


def make_chart(plan: Plan) -> None:
    """Package the chart, which has the release's image as its default."""
    copy = plan.scratch / "chart" / NAME
    shutil.copytree(CHART, copy)
    _replace(copy / "values.yaml", "  repository: jwks-operator\n", f"  repository: {plan.image}\n")
    _replace(copy / "Chart.yaml", "      image: jwks-operator:", f"      image: {plan.image}:")
    _replace(copy / "Chart.yaml", SOURCE, plan.source)
    plan.run(find_tool("helm"), "package", copy, f"--destination={plan.directory}")
    repack_archive(plan.directory / f"{NAME}-{plan.version}.tgz", plan.epoch)


def _replace(file: Path, old: str, new: str) -> None:
    """Fill in what only a release knows; it must be there to be filled in."""
    text = file.read_text()
    if old not in text:
        raise ControlPlaneError(f"{file.name} has no {old.strip()!r}")
    file.write_text(text.replace(old, new))


def make_packages(plan: Plan) -> None:
    """Build sdist and wheel with the pinned build backend."""
    constraints = plan.scratch / "build.txt"
    uv = find_uv()
    plan.run(uv, "export", "--quiet", "--locked", "--only-group=build", f"--output-file={constraints}")
    plan.run(
        uv, "build", "--quiet", f"--build-constraints={constraints}", "--require-hashes",
        "--no-create-gitignore", f"--out-dir={plan.directory}",
    )  # fmt: skip


def make_plugin(plan: Plan) -> None:
    """Freeze kubectl-jwks with its interpreter, for the platform that this runs on."""
    try:
        freeze_plugin(plan.directory, plan.scratch, plan.epoch)
    except subprocess.CalledProcessError as error:
        raise ControlPlaneError(f"kubectl-jwks could not be frozen: {error}") from error


def make_image(plan: Plan) -> None:
    """Build the image for this machine with buildah and write it as an OCI archive."""
    arguments = {"VERSION": plan.version, "REVISION": plan.commit, "SOURCE": plan.source}
    tag = f"{NAME}:{plan.version}"
    build_image(tag, ROOT, arguments, epoch=plan.epoch)
    save_image(tag, image_archive(plan))
    repack_image(image_archive(plan), plan.epoch)


def image_archive(plan: Plan) -> Path:
    """Return where the image's archive is."""
    return plan.directory / f"{NAME}-image-{plan.version}-{platform_name()}.oci.tar"
