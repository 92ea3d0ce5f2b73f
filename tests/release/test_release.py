"""A release: files that say what they are, and archives of the same octets whoever packs them."""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import yaml

from jwks_operator import __version__
from manifests.render import manifest_paths, render_manifests
from release.archive import write_archive
from release.plan import SOURCE, Plan
from release.statements import PLATFORMS, make_statements

ROOT = Path(__file__).parents[2]
IMAGE = "registry.example.com/team/jwks-operator"


def test_the_committed_manifests_are_what_helm_renders() -> None:
    for path, text in manifest_paths(render_manifests()).items():
        assert path.read_text() == text, "if that is meant: make generate"


def objects_of(text: str) -> list[dict[str, Any]]:
    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]


def test_nothing_of_helm_is_in_a_manifest_and_every_kind_is_served_by_the_oldest_kubernetes() -> None:
    for name, text in render_manifests(IMAGE).items():
        for each in objects_of(text):
            metadata = each.get("metadata", {})
            assert "helm" not in json.dumps([metadata.get("labels"), metadata.get("annotations")]).lower()
            assert (each["kind"].startswith("MutatingAdmissionPolicy")) == (name == "sidecar-injection.yaml")


def test_the_installation_of_one_namespace_has_nothing_of_the_cluster_and_goes_anywhere() -> None:
    found = objects_of(render_manifests(IMAGE)["namespace-install.yaml"])
    kinds = {"ServiceAccount", "Role", "RoleBinding", "Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget"}
    assert {each["kind"] for each in found} == kinds
    assert not any("namespace" in each["metadata"] for each in found)
    (deployment,) = (each for each in found if each["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"{IMAGE}:{__version__}"
    assert {"--namespace=$(POD_NAMESPACE)", "--lease-namespace=$(POD_NAMESPACE)"} <= set(container["args"])


def test_an_archive_has_the_same_octets_whoever_packs_it(tmp_path: Path) -> None:
    members = {"b": (b"2", 0o644), "a/run": (b"1", 0o755)}
    write_archive(tmp_path / "one.tar.gz", members, 1_700_000_000)
    write_archive(tmp_path / "two.tar.gz", dict(reversed(members.items())), 1_700_000_000)
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "one.tar.gz") as tar:
        assert [(each.name, each.mode, each.mtime) for each in tar] == [
            ("a/run", 0o755, 1_700_000_000),
            ("b", 0o644, 1_700_000_000),
        ]


def test_the_krew_manifest_names_the_archive_of_every_platform(tmp_path: Path) -> None:
    for each in PLATFORMS:
        (tmp_path / f"kubectl-jwks-{each}.tar.gz").write_bytes(each.encode())
    make_statements(Plan(tmp_path, IMAGE, SOURCE, 1_700_000_000, "0" * 40))
    manifest = yaml.safe_load((tmp_path / "krew.yaml").read_text())
    assert manifest["spec"]["version"] == f"v{__version__}"
    found = {"-".join(each["selector"]["matchLabels"].values()): each for each in manifest["spec"]["platforms"]}
    assert set(found) == set(PLATFORMS)
    for name, each in found.items():
        assert each["sha256"] == hashlib.sha256(name.encode()).hexdigest()
        assert each["uri"].endswith(f"/v{__version__}/kubectl-jwks-{name}.tar.gz")
        assert each["bin"].endswith(".exe") == name.startswith("windows")
