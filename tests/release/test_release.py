"""A release: the same octets twice, files that say what they are, and an installation from them alone."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import ControlPlane
from controlplane.processes import Group
from gotools import find_tool
from jwks_operator import __version__
from manifests.render import manifest_paths, render_manifests
from oci_registry import Registry
from release.archive import write_archive
from release.freeze import find_uv
from release.plan import SOURCE, Plan
from release.statements import PLATFORMS, make_statements

ROOT = Path(__file__).parents[2]
IMAGE = "registry.example.com/team/jwks-operator"
QUICKSTART = ROOT / "examples" / "quickstart.yaml"


def test_the_committed_manifests_are_what_helm_renders() -> None:
    for path, text in manifest_paths(render_manifests()).items():
        assert path.read_text() == text, "if that is meant: make generate"


def objects_of(text: str) -> list[dict[str, Any]]:
    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]


def canonical(each: dict[str, Any]) -> str:
    return json.dumps(each, sort_keys=True)


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


# --- the whole, without what takes minutes or root: tests/e2e has the image ---


def release(directory: Path) -> Path:
    options = ["--without=image", "--without=plugin", f"--image={IMAGE}"]
    done = subprocess.run(
        [sys.executable, "-m", "release", directory, *options],
        cwd=ROOT / "hack",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release(tmp_path_factory.mktemp("release") / "one")


@pytest.mark.cluster
def test_a_release_made_twice_is_the_same(dist: Path, tmp_path: Path) -> None:
    again = release(tmp_path / "again")
    assert {path.name: path.read_bytes() for path in dist.iterdir()} == {
        path.name: path.read_bytes() for path in again.iterdir()
    }


@pytest.mark.cluster
def test_every_file_is_in_the_sums_and_in_the_provenance(dist: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=dist, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout
    summed = {line.split("  ")[1] for line in (dist / "SHA256SUMS").read_text().splitlines()}
    assert summed == {path.name for path in dist.iterdir()} - {"SHA256SUMS"}
    statement = json.loads((dist / "provenance.intoto.json").read_text())
    assert {each["name"] for each in statement["subject"]} == summed - {"provenance.intoto.json"}


@pytest.mark.cluster
def test_the_bill_of_materials_names_what_the_wheel_asks_for(dist: Path) -> None:
    bom = json.loads((dist / f"jwks-operator-{__version__}.cdx.json").read_text())
    names = {each["name"] for each in bom["components"]}
    assert {"kubernetes", "cryptography", "rich"} <= names
    assert not {"kopf", "pytest"} & names


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane.start() as plane:
        yield plane


@pytest.fixture(scope="module")
def program(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """jwks-operator and kubectl-jwks, installed from the wheel with its extras."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    (wheel,) = dist.glob("*.whl")
    for command in (
        ["venv", "--quiet", f"--python={sys.executable}", venv],
        ["pip", "install", "--quiet", f"--python={venv}", f"jwks-operator[operator,plugin] @ {wheel.as_uri()}"],
    ):
        subprocess.run([find_uv(), *command], check=True)
    return venv / "bin"


def done(plane: ControlPlane, *arguments: str, input: str | None = None) -> str:  # noqa: A002  as of kubectl
    found = plane.kubectl(*arguments, input=input)
    assert found.returncode == 0, found.stderr
    return found.stdout


def becomes_ready(plane: ControlPlane, program: Path, namespace: str, *options: str) -> None:
    """Run the operator as the account of a Deployment that was installed, until a set there is Ready."""
    account = plane.kubeconfig_for_service_account("jwks-operator" if not options else namespace, "jwks-operator")
    log = plane.directory / f"operator-{namespace}.log"
    group = Group(plane.directory)
    os.environ["KUBECONFIG"] = str(account)
    operator = group.start([str(program / "jwks-operator"), "run", "--admin-port=0", *options], log)
    try:
        done(plane, "apply", f"--namespace={namespace}", f"--filename={QUICKSTART}")
        done(plane, "wait", f"--namespace={namespace}", "jwks/auth", "--for=condition=Ready", "--timeout=60s")
    finally:
        operator.stop()
        group.close()


@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_two_commands_lead_from_the_files_to_a_ready_set(
    dist: Path, plane: ControlPlane, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "")
    done(plane, "apply", "--server-side", f"--filename={dist / 'install.yaml'}")
    done(plane, "create", "namespace", "shop")
    becomes_ready(plane, program, "shop")
    told = subprocess.run(
        [program / "kubectl-jwks", "version", "-o", "json"], env=plane.environ(), capture_output=True, check=True
    )
    versions = json.loads(told.stdout)
    assert (versions["client"], versions["skew"]) == (__version__, [])
    assert [(each["name"], each["image"]) for each in versions["operators"]] == [
        ("jwks-operator", f"{IMAGE}:{__version__}")
    ]
    done(plane, "delete", f"--filename={dist / 'install.yaml'}", "--wait=false")


@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_one_namespace_is_installed_by_who_owns_nothing_else(
    dist: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "")
    with ControlPlane.start() as plane:
        done(plane, "apply", "--server-side", f"--filename={dist / 'crds.yaml'}")
        done(plane, "create", "namespace", "team")
        done(plane, "create", "serviceaccount", "owner", "--namespace=team")
        admin = ("--clusterrole=admin", "--serviceaccount=team:owner", "--namespace=team")
        done(plane, "create", "rolebinding", "owner", *admin)
        # An owner of a namespace may give no rights that they do not have: sets are not in `admin` by themselves.
        sets = ("--verb=*", "--resource=jsonwebkeysets.jwks-operator.dev", "--resource=jsonwebkeysets/status")
        done(plane, "create", "role", "sets", *sets, "--namespace=team")
        done(plane, "create", "rolebinding", "sets", "--role=sets", *admin[1:])
        owner = plane.kubeconfig_for_service_account("team", "owner")
        apply = ("apply", "--server-side", "--namespace=team", f"--filename={dist / 'namespace-install.yaml'}")
        done(plane, f"--kubeconfig={owner}", *apply)
        becomes_ready(plane, program, "team", "--namespace=team")


@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_helm_and_kustomize_take_the_packed_files(dist: Path, tmp_path: Path) -> None:
    with ControlPlane.start() as plane:
        with tarfile.open(next(dist.glob("*-kustomize-*.tar.gz"))) as tar:
            tar.extractall(tmp_path, filter="data")
        rendered = objects_of(done(plane, "kustomize", str(tmp_path)))
        assert sorted(map(canonical, rendered)) == sorted(
            map(canonical, objects_of((dist / "install.yaml").read_text()))
        )
        (chart,) = dist.glob("*.tgz")
        options = ["--namespace=jwks-operator", "--create-namespace"]
        subprocess.run(
            [find_tool("helm"), "install", "it", chart, *options], env=plane.environ(), capture_output=True, check=True
        )
        images = done(plane, "get", "deployments", "-A", "-o", "jsonpath={..image}")
        assert images == f"{IMAGE}:{__version__}"


def run_helm(plane: ControlPlane, *arguments: str | Path) -> None:
    subprocess.run([find_tool("helm"), *arguments], env=plane.environ(), capture_output=True, check=True)


@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_the_chart_goes_through_an_oci_registry_and_is_installed_from_there(dist: Path) -> None:
    (chart,) = dist.glob("*.tgz")

    with Registry() as registry, ControlPlane.start() as plane:
        run_helm(plane, "push", chart, f"oci://{registry.host}/charts", "--plain-http")
        assert ("charts/jwks-operator", __version__) in registry.tags
        assert hashlib.sha256(chart.read_bytes()).hexdigest() in "".join(registry.contents), "as it was released"
        options = ("--namespace=jwks-operator", "--create-namespace", f"--version={__version__}")
        run_helm(plane, "install", "it", f"oci://{registry.host}/charts/jwks-operator", *options, "--plain-http")
        images = done(plane, "get", "deployments", "-A", "-o", "jsonpath={..image}")
        assert images == f"{IMAGE}:{__version__}"
