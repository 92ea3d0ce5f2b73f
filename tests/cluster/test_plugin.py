"""`kubectl jwks` on a real API server with a running operator: what people see, ask for, and get."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.reading import files, in_use, published
from cluster.stage import ROOT, Stage, grant
from jwks_operator.keys.generate import generate
from jwks_operator.plugin.exit_codes import Exit
from jwks_operator.plugin.plugin_command import complete, run
from plugin.site import Site, served

ES256 = {"name": "signing", "algorithm": "ES256"}
# Lead 3 s, retention 12 s.
FAST = {"tokenLifetime": "10s", "cacheMaxAge": "1s", "verifierRefresh": "1s", "propagation": "1s", "clockSkew": "1s"}
CALM = {"keys": [ES256], "rotation": {"policy": "Manual", "rollbackWindow": "12s"}, "timing": FAST}
BY_HAND = {"Content-Type": "application/jwk-set+json", "Cache-Control": "max-age=1", "ETag": '"1"'}


class Jwks:
    """`kubectl jwks`, in this process: a command's exit code and what it wrote."""

    def __init__(self, stage: Stage, capsys: pytest.CaptureFixture[str], kubeconfig: Path) -> None:
        self._place = [f"--namespace={stage.namespace}", f"--kubeconfig={kubeconfig}"]
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        command, *rest = arguments
        code = run([command, *self._place, *rest])
        told = self._capsys.readouterr()
        return code, told.out, told.err

    def done(self, *arguments: str) -> str:
        """What a command wrote that has to succeed."""
        code, out, err = self(*arguments)
        assert code == Exit.DONE, err + out
        return out


@pytest.fixture
def jwks(stage: Stage, capsys: pytest.CaptureFixture[str]) -> Jwks:
    return Jwks(stage, capsys, stage.plane.kubeconfig)


@pytest.fixture(scope="module")
def auth(stage: Stage) -> Stage:
    stage.create("auth", CALM)
    stage.until_ready("auth")
    return stage


@pytest.fixture
def site(auth: Stage) -> Iterator[Site]:
    """The set `auth` as it is published."""
    with served(lambda: text_of(auth, "auth"), headers=dict(BY_HAND)) as site:
        yield site


def text_of(stage: Stage, name: str) -> bytes:
    return str(stage.there("ConfigMap", name)["data"]["jwks.json"]).encode()


def active(stage: Stage, name: str) -> str:
    return in_use(stage.there("Secret", name))["signing"]


# --- see ---


def test_kubectl_finds_the_plugin_and_its_completions(auth: Stage) -> None:
    environ = {**auth.plane.environ(), "KUBECONFIG": str(auth.plane.kubeconfig)}
    environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environ["PATH"]])

    def kubectl(*arguments: str) -> str:
        done = subprocess.run(["kubectl", *arguments], env=environ, capture_output=True, text=True, check=True)
        return done.stdout

    shown = kubectl("jwks", "status", "auth", "--namespace", auth.namespace)
    assert f"{auth.namespace}/auth   Ready   ES256" in shown
    assert "█" in shown
    assert "auth" in kubectl("__complete", "jwks", "status", "--namespace", auth.namespace, "").splitlines()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["rotate", "auth", ""], ["signing\tES256"]),
        (["revoke", "auth", "--", "{kid:.6}"], ["{kid}\tsigning, Active"]),  # a kid may begin like an option
        (["hold", "nothing", ""], []),
    ],
)
def test_entries_and_kids_are_completed(
    auth: Stage,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    expected: list[str],
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(auth.plane.kubeconfig))
    kid = active(auth, "auth")
    verb, *rest = (word.format(kid=kid) for word in words)
    assert complete([verb, "--namespace", auth.namespace, *rest]) == 0
    assert capsys.readouterr().out.splitlines() == [*(line.format(kid=kid) for line in expected), ":4"]


def test_status_lists_all_sets_and_tells_programs_all_of_one(auth: Stage, jwks: Jwks) -> None:
    assert jwks.done("status").splitlines()[1].split()[:4] == [auth.namespace, "auth", "Ready", "ES256"]
    told = json.loads(jwks.done("status", "auth", "-o", "json"))
    kids = {key["kid"] for key in told["status"]["keys"]}
    assert {span["kid"] for span in told["timeline"]} == kids
    assert {span["state"] for span in told["timeline"]} == {"Active", "Pending"}
    assert yaml.safe_load(jwks.done("status", "-o", "yaml"))[0]["name"] == "auth"


def test_a_set_of_another_name_is_an_error_that_names_those_that_are_there(auth: Stage, jwks: Jwks) -> None:
    code, _, err = jwks("status", "auht")
    assert (code, err) == (Exit.MISSING, f"error: namespace {auth.namespace} has no set 'auht'; it has auth\n")


def test_a_set_is_created_once(auth: Stage, jwks: Jwks) -> None:
    assert jwks("create", "made", "--every", "30d") == (Exit.DONE, "", "jsonwebkeyset/made created\n")
    made = auth.until(lambda: auth.latest("JsonWebKeySet", "made"), "the set to be there")
    assert made["spec"]["rotation"]["every"] == "720h"
    assert {each["manager"] for each in made["metadata"]["managedFields"] if "subresource" not in each} == {
        "kubectl-jwks"
    }
    code, _, err = jwks("create", "made")
    assert code == Exit.REFUSED
    assert "already exists" in err


def test_versions_of_client_crd_and_operators_are_told(auth: Stage, jwks: Jwks) -> None:
    labels = {"app.kubernetes.io/name": "jwks-operator", "app.kubernetes.io/component": "operator"}
    container = {"name": "operator", "image": "registry.example.com:5000/jwks-operator:9.1.0@sha256:" + "0" * 64}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "old", "labels": labels}}
    auth.plane.kubectl(
        "apply", f"--namespace={auth.namespace}", "--filename=-", input=json.dumps({**deployment, "spec": spec})
    )
    told = json.loads(jwks.done("version", "-o", "json"))
    assert told["crd"] == {"version": "v1beta1", "served": True, "sameFields": True}
    mine = next(each for each in told["operators"] if each["namespace"] == auth.namespace)
    assert (mine["name"], mine["version"], mine["ready"], mine["wanted"]) == ("old", "9.1.0", 0, 2)
    shown = jwks.done("version")
    assert f"operator {auth.namespace}/old is 9.1.0, this plugin is" in " ".join(shown.split())


# --- plan ---


def written(path: Path, spec: dict[str, Any], name: str = "auth") -> str:
    body = {"apiVersion": "jwks-operator.dev/v1beta1", "kind": "JsonWebKeySet", "metadata": {"name": name}}
    path.write_text(yaml.safe_dump({**body, "spec": spec}))
    return str(path)


def test_an_edit_is_planned_from_the_keys_that_are_there(auth: Stage, jwks: Jwks, tmp_path: Path) -> None:
    file = written(tmp_path / "set.yaml", {**CALM, "rotation": {"every": "24h"}, "timing": {"verifierRefresh": "10m"}})
    told = json.loads(jwks.done("plan", "-f", file, "-o", "json"))
    change = next(step for step in told["steps"] if step["event"] == "KeyActivated")
    assert change["kid"] not in {active(auth, "auth"), "signing+1"}
    assert change["kid"] in published(auth.there("ConfigMap", "auth"))
    shown = jwks.done("plan", "-f", file)
    assert "as edited, from its keys as they are" in shown
    assert "lead 20m = propagation 5m + cacheMaxAge 5m + verifierRefresh 10m   (was 3s)" in shown


def test_a_plan_can_be_drawn(auth: Stage, jwks: Jwks, tmp_path: Path) -> None:
    jwks.done("plan", "auth", "--until", "1d", "--svg", str(tmp_path / "a.svg"), "--png", str(tmp_path / "a.png"))
    assert (tmp_path / "a.svg").read_text().startswith("<svg ")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"rotation": {"every": "1h"}}, "timing.verifierRefresh 1h is the longest of them"),
        ({"timing": {"lead": "5m"}}, "lead 5m is shorter than propagation 5m + cacheMaxAge 5m"),
        ({"timing": {"leed": "5m"}}, "spec.timing.leed: unknown field; remove it"),
    ],
)
def test_an_unsafe_spec_is_refused_before_it_is_applied(
    jwks: Jwks, tmp_path: Path, spec: dict[str, Any], says: str
) -> None:
    code, _, err = jwks("plan", "-f", written(tmp_path / "set.yaml", {"keys": [ES256], **spec}))
    assert (code, err.count("\n")) == (Exit.FOUND, 1)
    assert says in err


# --- ask ---


def test_a_rotation_is_shown_asked_for_and_waited_for_until_it_is_served(auth: Stage, jwks: Jwks, site: Site) -> None:
    before = active(auth, "auth")
    code, out, err = jwks("rotate", "auth", "--yes", "--wait", "--url", site.url)
    assert code == Exit.DONE, err
    assert f"takes over from {before[:8]} (the request)" in out
    assert f"Done: Replace the key of signing; served at {site.url}" in out
    assert active(auth, "auth") != before
    fields = auth.plane.api("GET", auth.path("JsonWebKeySet", "auth"))["metadata"]["managedFields"]
    held = {entry["manager"] for entry in fields if "jwks-operator.dev/rotate" in json.dumps(entry["fieldsV1"])}
    assert held == {"kubectl-jwks"}


def test_waiting_goes_on_until_the_url_serves_it(auth: Stage, jwks: Jwks, site: Site) -> None:
    asked = 0
    old = text_of(auth, "auth")

    def lagging() -> bytes:
        nonlocal asked
        asked += 1
        return old if asked < 4 else text_of(auth, "auth")

    # A key that the old text does not have comes into use with the second rotation.
    jwks.done("rotate", "auth", "--yes", "--wait")
    site.content, site.headers = lagging, {}
    code, _, err = jwks("rotate", "auth", "--yes", "--wait", "--url", site.url)
    assert code == Exit.DONE, err
    assert f"waiting for {site.url} to serve the key in use" in err
    assert asked == 4


def test_the_former_key_comes_back_and_goes_again(auth: Stage, jwks: Jwks) -> None:
    jwks.done("rotate", "auth", "signing", "--yes", "--wait")
    after = active(auth, "auth")
    out = jwks.done("rollback", "auth", "--yes", "--wait")
    assert f"takes over again from {after[:8]} (the request)" in out
    assert active(auth, "auth") != after


def test_a_roll_back_to_nothing_is_refused_before_it_is_asked_for(stage: Stage, jwks: Jwks) -> None:
    stage.create("young", CALM)
    stage.until_ready("young")
    time.sleep(1)  # a request that is not younger than the set, to the second, is answered by its first keys
    code, _, err = jwks("rollback", "young", "--yes")
    assert code == Exit.REFUSED
    assert "no former key has its private half any more; kubectl jwks rotate brings a new key" in err
    assert "annotations" not in stage.plane.api("GET", stage.path("JsonWebKeySet", "young"))["metadata"]


def test_a_key_is_held_and_let_go(auth: Stage, jwks: Jwks) -> None:
    kid = active(auth, "auth")
    jwks.done("hold", "--yes", "--wait", "--", "auth", kid[:8])  # a kid may begin like an option
    assert f"Held, not removed by time: {kid}" in jwks.done("status", "auth")
    jwks.done("unhold", "auth", "signing", "--yes", "--wait")
    assert "Held" not in jwks.done("status", "auth")


def test_a_revoked_key_is_gone_and_the_reason_is_kept(auth: Stage, jwks: Jwks, site: Site) -> None:
    bad = active(auth, "auth")
    asked = ("--reason", "KeyCompromise", "--yes", "--wait", "--url", site.url)
    out = jwks.done("revoke", *asked, "--", "auth", bad)
    assert "verifiers may go on trusting it for up to 3s" in out
    assert bad not in published(auth.there("ConfigMap", "auth"))
    history = json.loads(jwks.done("status", "auth", "-o", "json"))["status"]["history"]
    assert {"event": "KeyRevoked", "kid": bad, "name": "signing", "reason": "KeyCompromise"}.items() <= next(
        each for each in history if each["event"] == "KeyRevoked"
    ).items()


def test_nothing_is_asked_for_without_a_yes(auth: Stage, jwks: Jwks, monkeypatch: pytest.MonkeyPatch) -> None:
    before = auth.plane.api("GET", auth.path("JsonWebKeySet", "auth"))["metadata"].get("annotations")
    with open(os.devnull) as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        code, _, err = jwks("rotate", "auth")
    assert (code, err) == (
        Exit.USAGE,
        "error: nobody can be asked for confirmation here; give --yes, or --dry-run to look only\n",
    )
    assert "Dry run: nothing was asked for.\n" in jwks("rotate", "auth", "--dry-run")[2]
    assert auth.plane.api("GET", auth.path("JsonWebKeySet", "auth"))["metadata"].get("annotations") == before


def test_waiting_ends_with_its_timeout_and_says_what_for(stage: Stage, jwks: Jwks) -> None:
    stage.create("slow", {"keys": [ES256]})
    stage.until_ready("slow")
    code, out, err = jwks("rotate", "slow", "--yes", "--wait", "--timeout", "2s")
    assert code == Exit.TIMEOUT
    assert "Done by" in out
    assert "waiting for verifiers to have the key (lead); the request stays in force" in err


def test_a_request_that_gitops_keeps_is_told(stage: Stage, jwks: Jwks) -> None:
    stage.create("kept", CALM)
    stage.until_ready("kept")
    stage.kubectl("annotate", "jwks", "kept", "jwks-operator.dev/hold=x", "--field-manager=argocd-controller")
    told = jwks.done("hold", "kept", "signing", "--dry-run")
    assert "jwks-operator.dev/hold is kept by Argo CD, which puts its own value back" in told


# --- check ---


def test_what_is_served_is_verified_end_to_end(auth: Stage, jwks: Jwks, site: Site) -> None:
    out = jwks.done("verify", "auth", "--url", site.url)
    assert f"the {len(published(auth.there('ConfigMap', 'auth')))} keys of the ConfigMap" in out
    assert f"signing.jwk ({active(auth, 'auth')}) works with the served set" in out
    assert f"signing.pem ({active(auth, 'auth')}) works with the served set" in out
    assert "caching is within what spec.timing says" in out
    assert "0 errors" in out


def test_a_server_that_lags_or_caches_for_longer_fails_the_check(auth: Stage, jwks: Jwks, site: Site) -> None:
    site.content = lambda: json.dumps({"keys": [generate("ES256").public]}).encode()
    site.headers = {**BY_HAND, "Cache-Control": "max-age=3600"}
    code, out, _ = jwks("verify", "auth", "--url", site.url)
    assert code == Exit.FOUND
    assert "1h is served, and spec.timing.cacheMaxAge says 1s" in out
    assert f"signing.jwk signs with {active(auth, 'auth')}, which is not in the served set" in out


def test_the_urls_of_the_spec_are_checked_as_they_are_seen_from_here(stage: Stage, jwks: Jwks, site: Site) -> None:
    """The operator of the test allows no host, so it fetches nothing and says so; the plugin looks for itself."""
    stage.create("public", {**CALM, "publish": {"seenAt": [{"url": site.url}]}})
    stage.until_ready("public")
    code, out, _ = jwks("verify", "public", "--seen")
    assert code == Exit.FOUND
    assert f"{site.url}: served lacks " in out
    site.content = lambda: text_of(stage, "public")
    assert f"{site.url}: served the 2 keys of the ConfigMap" in jwks("verify", "public", "--seen")[1]
    stage.until(lambda: "UrlRefused" in str(stage.there("JsonWebKeySet", "public")), "the refusal to be told")
    assert "UrlRefused" in jwks("doctor")[1]


def test_without_the_right_to_read_secrets_the_rest_is_checked(auth: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    rights = [
        {"apiGroups": ["jwks-operator.dev"], "resources": ["jsonwebkeysets"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]},
    ]
    reader = Jwks(auth, capsys, grant(auth.plane, auth.namespace, rights, "reader"))
    assert "skipped secrets" in reader.done("verify", "auth")
    assert "█" in reader.done("status", "auth")
    code, _, err = reader("rotate", "auth", "--yes")
    assert (code, err.splitlines()[-1].partition("; ")[2]) == (
        Exit.NO_ACCESS,
        "ask for that right, or take another --context",
    )
    out = reader("doctor")[1]
    assert "skipped rights" in out
    assert "patch jsonwebkeysets; get secrets" in out
    looker = Jwks(auth, capsys, grant(auth.plane, auth.namespace, rights[:1], "looker"))
    assert "█" in looker.done("status", "auth")
    assert "skipped configmap" in looker.done("verify", "auth")
    assert looker("get-jwks", "auth")[0] == Exit.NO_ACCESS


def test_the_doctor_finds_what_never_sees_a_rotation(auth: Stage, jwks: Jwks) -> None:
    pod = {
        "metadata": {"name": "careless"},
        "spec": {
            "containers": [
                {
                    "name": "app",
                    "image": "app",
                    "volumeMounts": [{"name": "key", "mountPath": "/key.pem", "subPath": "signing.pem"}],
                    "envFrom": [{"configMapRef": {"name": "auth"}}],
                }
            ],
            "volumes": [{"name": "key", "secret": {"secretName": "auth"}}],
        },
    }
    auth.plane.api("POST", f"/api/v1/namespaces/{auth.namespace}/serviceaccounts", {"metadata": {"name": "careless"}})
    pod["spec"]["serviceAccountName"] = "careless"  # type: ignore[index]  # the value is a dict
    auth.plane.api("POST", f"/api/v1/namespaces/{auth.namespace}/pods", pod)
    code, out, _ = jwks("doctor")
    told = " ".join(out.split())
    assert code == Exit.FOUND
    assert f"Secret auth of {auth.namespace}/auth by subPath: it never sees a rotation" in told
    assert f"ConfigMap auth of {auth.namespace}/auth in its environment" in told
    assert "v1beta1 is served, of this version" in told
    assert f"{auth.namespace}/auth is ready, nothing is late" in told


@pytest.mark.parametrize(
    ("renewed", "verdict", "says"),
    [
        ("2026-01-01T00:00:00.000000Z", "error", "was last heard of"),
        (None, "error", "nobody leads in namespace"),
    ],
)
def test_the_doctor_misses_a_leader_that_is_gone(
    stage: Stage, jwks: Jwks, renewed: str | None, verdict: str, says: str
) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{stage.namespace}/leases"
    spec = {"leaseDurationSeconds": 15} | ({"holderIdentity": "pod-1_x", "renewTime": renewed} if renewed else {})
    stage.plane.api("POST", path, {"metadata": {"name": "jwks-operator"}, "spec": spec})
    try:
        _, out, _ = jwks("doctor", "--operator-namespace", stage.namespace, "-o", "json")
    finally:
        stage.plane.api("DELETE", f"{path}/jwks-operator")
    found = next(each for each in json.loads(out) if each["check"] == "leader")
    assert found["verdict"] == verdict
    assert says in found["message"]
    assert found["cure"]


@pytest.mark.parametrize("led", [False, True])
def test_the_doctor_names_the_sets_of_a_shard_that_nobody_runs(stage: Stage, jwks: Jwks, led: bool) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{stage.namespace}/leases"
    renewed = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    spec = {"leaseDurationSeconds": 15, "holderIdentity": "pod-1_x", "renewTime": renewed}
    leases = ["jwks-operator", *(["jwks-operator-ghost"] if led else [])]
    keys = {"keys": [{"name": "signing", "algorithm": "ES256"}]}
    stage.create("haunted", keys, labels={"jwks-operator.dev/shard": "ghost"})
    for name in leases:
        stage.plane.api("POST", path, {"metadata": {"name": name}, "spec": spec})
    try:
        _, out, _ = jwks("doctor", "--operator-namespace", stage.namespace, "-o", "json")
    finally:
        stage.delete("JsonWebKeySet", "haunted")
        for name in leases:
            stage.plane.api("DELETE", f"{path}/{name}")
    found = [each for each in json.loads(out) if each["check"] == "leader"]
    assert [each["verdict"] for each in found] == ["ok", "ok" if led else "error"]
    says = "leads shard ghost in namespace" if led else f"nobody looks after {stage.namespace}/haunted"
    assert says in found[1]["message"]


# --- move ---


def test_a_key_from_elsewhere_is_imported_and_used(stage: Stage, jwks: Jwks, tmp_path: Path) -> None:
    key = generate("ES256")
    (tmp_path / "keys.json").write_bytes(b'{"keys":[' + key.private.reveal_json() + b"]}")
    manifest = jwks.done("import", "moved", str(tmp_path / "keys.json"))
    done = stage.kubectl("apply", "--filename=-", content=manifest)
    assert done.returncode == 0, done.stderr
    stage.until_ready("moved")
    assert active(stage, "moved") == key.kid
    assert jwks("import", "moved", str(tmp_path / "keys.json"))[0] == Exit.REFUSED


def test_private_keys_leave_into_a_file_of_their_owner_alone(auth: Stage, jwks: Jwks, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    jwks.done("export", "auth", "--private", "--file", str(path), "--format", "pem", "--yes")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == files(auth.there("Secret", "auth"))["signing.pem"]
    assert jwks("export", "auth", "--private", "--file", str(path), "--yes")[0] == Exit.REFUSED
    assert jwks.done("get-jwks", "auth").encode() == text_of(auth, "auth")


def test_a_document_is_printed_and_verified_where_it_is_served(stage: Stage, jwks: Jwks) -> None:
    documents = [{"name": "kube", "entries": ["signing"]}, {"name": "file", "entries": ["signing"], "format": "PEM"}]
    keys = [{"name": "signing", "algorithm": "ES256"}, {"name": "hybrid", "algorithm": "ML-DSA-44"}]
    stage.create("papers", {**CALM, "keys": keys, "readers": ["KubeApiserver"], "publish": {"documents": documents}})
    stage.until_ready("papers")
    data = stage.there("ConfigMap", "papers")["data"]
    assert jwks.done("get-jwks", "papers", "--document", "kube") == data["kube.json"]
    assert jwks.done("get-jwks", "papers", "--document", "file") == data["file.pem"]
    assert jwks("get-jwks", "papers", "--document", "nothing")[0] == Exit.MISSING
    for name, text in (("kube", data["kube.json"]), ("file", data["file.pem"])):
        with served(text.encode, headers=dict(BY_HAND)) as site:
            out = jwks("verify", "papers", "--document", name, "--url", site.url)[1]
        assert "error   served" not in out
        assert "kube" in out
    with served(data["jwks.json"].encode, headers=dict(BY_HAND)) as site:
        told = jwks("verify", "papers", "--document", "kube", "--url", site.url)[1]
        assert "also has" in told, "the whole set instead of the document"
        assert "is not document file" in jwks("verify", "papers", "--document", "file", "--url", site.url)[1]
    assert "KubeApiserver can read document kube" in jwks("doctor")[1]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["rotate", "auth", "nothing", "--yes"], Exit.MISSING),
        (["hold", "auth", "nothing", "--yes"], Exit.MISSING),
        (["status", "auth", "--context=nowhere"], Exit.NO_ACCESS),
        (["status", "auth", "-A"], Exit.USAGE),
        (["plan"], Exit.USAGE),
        (["plan", "-f", str(ROOT / "nothing.yaml")], Exit.MISSING),
        (["export", "auth", "--private"], Exit.USAGE),
    ],
)
def test_errors_are_one_line_with_a_documented_code(jwks: Jwks, auth: Stage, arguments: list[str], code: int) -> None:
    got, out, err = jwks(*arguments)
    assert (got, out) == (code, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "; " in err
