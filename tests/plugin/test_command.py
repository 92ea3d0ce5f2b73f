"""The command line: help, exit codes, completion, errors of one line, and a manual that is true."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from helmchart.render import operator_rules
from jwks_operator.plugin import main
from jwks_operator.plugin.doctor_cluster import RIGHTS
from jwks_operator.plugin.exit_codes import MEANINGS, Exit
from jwks_operator.plugin.installed import Definition, Running
from jwks_operator.plugin.plugin_command import COMMANDS, command_group, complete, run
from jwks_operator.plugin.version import Versions, version_skew

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs" / "kubectl-jwks.md").read_text()


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == Exit.DONE
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: kubectl jwks {name} ")
    assert "\n  Examples:\n    " in text
    assert f"\n## kubectl jwks {name}\n" in MANUAL


def examples() -> list[str]:
    """Every command line that the manual shows, without what a shell adds."""
    found = re.findall(r"^    (?:.*\| )?kubectl jwks (.*)$", MANUAL, re.MULTILINE)
    return [line.partition(" | ")[0].partition(" >")[0] for line in found]


@pytest.mark.parametrize("line", examples())
def test_every_example_of_the_manual_is_a_command_line_that_exists(line: str) -> None:
    name, *arguments = line.removesuffix(")").split()
    command = command_group.get_command(click.Context(command_group), name)
    assert command is not None
    command.make_context(name, arguments)


def test_exit_codes_are_documented_and_never_change() -> None:
    table = dict(re.findall(r"^\| (\d+) \| (.*) \|$", MANUAL, re.MULTILINE))
    assert table == {str(int(code)): words for code, words in MEANINGS.items()}
    assert [int(code) for code in Exit] == [0, 1, 2, 3, 4, 5, 6, 130]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["stat"], Exit.USAGE, "No such command 'stat'; see kubectl jwks --help"),
        (["rotate"], Exit.USAGE, "Missing argument 'SET'; see kubectl jwks rotate --help"),
        (["plan", "auth", "--until", "soon"], Exit.USAGE, "'soon' is not a span such as 90s, 12h, 30d, 6w or 1y"),
        (["rotate", "auth", "--at", "noon"], Exit.USAGE, "'noon' is not a time such as 2026-11-02T10:00:00Z"),
        (["status"], Exit.NO_ACCESS, "; set KUBECONFIG or give --kubeconfig"),
        (["lint", "nothing.json"], Exit.MISSING, "nothing.json: no such file or directory; check the path"),
        (["lint", "ftp://example.com/x"], Exit.MISSING, "not an http or https URL; check the URL"),
        (["create", "auth", "--every", "0s"], Exit.REFUSED, "spec.rotation.every: must be at least 1ms"),
        (["create", "auth"], Exit.NO_ACCESS, "; set KUBECONFIG or give --kubeconfig"),
        (["import", "auth", "nothing.pem"], Exit.MISSING, "nothing.pem: no such file or directory; check the path"),
    ],
)
def test_an_error_is_one_line_that_names_the_cure(
    arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1
    assert says in told.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["ro"], ["rotate", "rollback"]),
        (["revoke", "auth", "--reason", "K"], ["KeyCompromise"]),
        (["plan", "--un"], ["--until"]),
        (["status", "a"], []),
    ],
)
def test_kubectl_is_answered_with_completions(
    arguments: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert complete(arguments) == 0
    *lines, directive = capsys.readouterr().out.splitlines()
    assert [line.partition("\t")[0] for line in lines] == expected
    assert directive == ":4"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == Exit.DONE
    assert "_KUBECTL_JWKS_COMPLETE" in capsys.readouterr().out


def test_a_manifest_is_written_from_a_few_facts(capsys: pytest.CaptureFixture[str]) -> None:
    line = "create auth -n shop --every 30d --token-lifetime 15m --preset Istio --dry-run client -o yaml"
    assert run(line.split()) == Exit.DONE
    assert yaml.safe_load(capsys.readouterr().out) == {
        "apiVersion": "jwks-operator.dev/v1beta1",
        "kind": "JsonWebKeySet",
        "metadata": {"name": "auth", "namespace": "shop"},
        "spec": {
            "keys": [{"name": "signing", "algorithm": "ES256"}],
            "rotation": {"every": "720h"},
            "timing": {"tokenLifetime": "15m", "preset": "Istio"},
        },
    }


@pytest.mark.parametrize(
    ("operator", "same_fields", "says"),
    [
        ("0.1.0", True, []),
        ("0.1.7", True, []),
        ("0.2.0", True, ["operator jwks-operator/one is 0.2.0, this plugin is 0.1.0"]),
        ("0.1.0", False, ["the CRD has other fields than this plugin knows"]),
    ],
)
def test_versions_that_do_not_go_together_are_told(operator: str, same_fields: bool, says: list[str]) -> None:
    running = Running("jwks-operator", "one", operator, f"example.com/it:{operator}", 1, 1)
    found = list(version_skew("0.1.0", Versions(Definition(served=True, same_fields=same_fields), [running])))
    assert len(found) == len(says)
    assert all(reason.startswith(start) for reason, start in zip(found, says, strict=True))


def test_without_its_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> Any:
        return None if name == "rich" else find_spec(name)

    monkeypatch.setattr("jwks_operator.plugin.find_spec", found)
    monkeypatch.setattr(sys, "argv", ["kubectl-jwks"])
    with pytest.raises(SystemExit, match=r"pip install 'jwks-operator\[plugin\]'"):
        main()


def test_the_doctor_asks_for_rights_that_the_chart_gives() -> None:
    given = {
        (group, resource, verb)
        for rule in operator_rules({})
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    asked = {(g, f"{plural}/{sub}" if sub else plural, verb) for g, plural, sub, verbs in RIGHTS for verb in verbs}
    assert asked <= given


def test_a_kid_that_begins_like_an_option_is_told_how_to_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["revoke", "auth", "--drwfxm"]) == Exit.USAGE
    assert "a kid that begins with - comes after --; see kubectl jwks revoke --help" in capsys.readouterr().err
    assert run(["status", "auth", "--drwfxm"]) == Exit.USAGE
    assert "kid" not in capsys.readouterr().err
