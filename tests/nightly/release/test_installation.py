"""A whole release: the same octets twice, and an installation from its files alone.

Without what takes root: tests/e2e has the image.
"""

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
from oci_registry import Registry
from release.freeze import find_uv

ROOT = Path(__file__).parents[3]
IMAGE = "registry.example.com/team/jwks-operator"
QUICKSTART = ROOT / "examples" / "quickstart.yaml"


def objects_of(text: str) -> list[dict[str, Any]]:
    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]


def canonical(each: dict[str, Any]) -> str:
    return json.dumps(each, sort_keys=True)


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


def test_a_release_made_twice_is_the_same(dist: Path, tmp_path: Path) -> None:
    again = release(tmp_path / "again")
    assert {path.name: path.read_bytes() for path in dist.iterdir()} == {
        path.name: path.read_bytes() for path in again.iterdir()
    }


def test_every_file_is_in_the_sums_and_in_the_provenance(dist: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=dist, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout
    summed = {line.split("  ")[1] for line in (dist / "SHA256SUMS").read_text().splitlines()}
    assert summed == {path.name for path in dist.iterdir()} - {"SHA256SUMS"}
    statement = json.loads((dist / "provenance.intoto.json").read_text())
    assert {each["name"] for each in statement["subject"]} == summed - {"provenance.intoto.json"}


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
