"""Write or check docs/kubectl-jwks.md, the help texts of the plugin: `python -m manual [--check]`."""

import sys
from collections.abc import Iterator

import click

from generated import ROOT, write_or_check
from jwks_operator.plugin.exit_codes import MEANINGS
from jwks_operator.plugin.plugin_command import NAME, command_group

PAGE = ROOT / "docs" / "kubectl-jwks.md"
STATUS = ROOT / "tests" / "plugin" / "golden" / "status.txt"
WIDTH = 100

INTRODUCTION = """\
<!-- generated, do not edit: make generate -->
# kubectl jwks

The tool that people hold in their hands: see where every key stands, plan before you apply, ask for a rotation and
watch it until it is served, check what verifiers get, move keys in and out, and find out why something does not work.

```sh python
pip install 'jwks-operator[plugin]'        # or [png] to draw PNG pictures, too
kubectl jwks status
```

kubectl finds it as a plugin: `kubectl-jwks` on `PATH`. It takes the kubeconfig, `--context` and `--namespace` as
kubectl does. With `-o json` or `-o yaml` it writes for programs.

- **It asks, and does not write what the operator owns.** `rotate`, `rollback`, `hold`, `unhold` and `revoke` set the
  annotations `jwks-operator.dev/...` on the set, beside what GitOps keeps there, under the field manager
  `kubectl-jwks`. Each shows first what will happen and when, and asks.
- **Its times are the operator's.** `status` and `plan` run the operator's own planning code, on the status and the
  published set: they read no Secret. What neither tells (an unfinished step, a clock that stepped) they cannot know.
- **Only `verify` and `export --private` read Secrets.** Everything else works with `get` on sets and ConfigMaps;
  requests need `patch` on sets.

Tab completion comes with kubectl's own: it finds `kubectl_complete-jwks` on `PATH`. An error is one line that names the
cure.

What `kubectl jwks status auth` shows of a set with one entry, rotated every day:

```text
{status}```

## Exit codes

| code | meaning |
|---|---|
"""


def render_page() -> str:
    """Return the text of the page."""
    codes = "".join(f"| {int(code)} | {words} |\n" for code, words in MEANINGS.items())
    return INTRODUCTION.format(status=STATUS.read_text()) + codes + "".join(_commands())


def _commands() -> Iterator[str]:
    context = click.Context(command_group, info_name=NAME, **command_group.context_settings)
    for name in command_group.list_commands(context):
        command = command_group.get_command(context, name)
        if command is not None:
            own = click.Context(command, parent=context, info_name=name, terminal_width=WIDTH)
            yield f"\n## kubectl jwks {name}\n\n```text\n{command.get_help(own)}\n```\n"


if __name__ == "__main__":
    sys.exit(write_or_check({PAGE: render_page()}, sys.argv[1:]))
