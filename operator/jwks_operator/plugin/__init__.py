"""`kubectl jwks`, the tool of users: see, plan, request, check and move keys.

It reads what the operator wrote and asks by annotation; it never writes what the operator owns. Times come from the
operator's own planning code (`core.forecast`), run on what everybody may read (`core.hindsight`): only `verify` and
`export --private` read a Secret. Private bytes stay in `keys` and `kube`; here is only their handle.
"""

import sys
from importlib import import_module
from importlib.util import find_spec

__all__ = ["complete", "main"]


def main() -> None:
    """Run `kubectl-jwks`, which kubectl finds on PATH as `kubectl jwks`."""
    if find_spec("rich") is None:  # the operator's own image has no use for it
        sys.exit("error: kubectl jwks needs the package rich; pip install 'jwks-operator[plugin]'")
    sys.exit(import_module("jwks_operator.plugin.plugin_command").run(sys.argv[1:]))


def complete() -> None:
    """Run `kubectl_complete-jwks`, which kubectl asks for completions of `kubectl jwks`."""
    sys.exit(import_module("jwks_operator.plugin.plugin_command").complete(sys.argv[1:]))
