"""CycloneDX SBOMs: what the wheel asks for, and what is in the image. uv writes them from the lock.

uv gives each a serial number and the time of the day; here they follow from the content, so that they can be repeated.
"""

import json
import tarfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from release.freeze import find_uv
from release.parts import NAME, image_archive
from release.plan import Plan

STATUS = "var/lib/dpkg/status"
Bom = dict[str, Any]


def make_sboms(plan: Plan) -> None:
    """Write an SBOM of the wheel with its extra `plugin`, and one of the image if it was built."""
    _write(plan, f"{NAME}-{plan.version}.cdx.json", _of_lock(plan, "plugin"))
    archive = image_archive(plan)
    if archive.exists():
        bom = _of_lock(plan, "publish", "service-accounts")
        bom["components"] += list(debian_packages(archive))
        _write(plan, f"{archive.name.removesuffix('.oci.tar')}.cdx.json", bom)


def _of_lock(plan: Plan, *extras: str) -> Bom:
    options = ("--quiet", "--locked", "--no-dev", "--format=cyclonedx1.5", "--preview-features=sbom-export")
    bom: Bom = json.loads(plan.run(find_uv(), "export", *options, *(f"--extra={extra}" for extra in extras)))
    bom["metadata"]["timestamp"] = datetime.fromtimestamp(plan.epoch, UTC).isoformat().replace("+00:00", "Z")
    bom["metadata"]["component"]["version"] = plan.version
    return bom


def _write(plan: Plan, name: str, bom: Bom) -> None:
    del bom["serialNumber"]
    content = json.dumps(bom, sort_keys=True)
    bom["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{plan.source}/{name}#{content}')}"
    (plan.directory / name).write_text(json.dumps(bom, indent=2, sort_keys=True) + "\n")


def debian_packages(archive: Path) -> Iterator[Bom]:
    """Yield a component for each Debian package in an OCI archive; none if its base is no Debian."""
    for paragraph in _dpkg_status(archive).split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if {"Package", "Version", "Architecture"} <= fields.keys():
            name, version = fields["Package"], fields["Version"]
            purl = f"pkg:deb/debian/{name}@{version.replace(':', '%3A')}?arch={fields['Architecture']}"
            yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _dpkg_status(archive: Path) -> str:
    """Return what dpkg has installed, by the last layer that tells."""
    with tarfile.open(archive) as outer:
        manifest = _json(outer, _json(outer, "index.json")["manifests"][0]["digest"])
        for layer in reversed(manifest["layers"]):
            with tarfile.open(fileobj=outer.extractfile(_blob(layer["digest"]))) as tar:
                name = next((each for each in tar.getnames() if each.removeprefix("./") == STATUS), None)
                if name is not None and (file := tar.extractfile(name)) is not None:
                    return file.read().decode()
    return ""


def _json(tar: tarfile.TarFile, name: str) -> Any:
    file = tar.extractfile(_blob(name) if name.startswith("sha256:") else name)
    return None if file is None else json.load(file)


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"
