"""Command-line tools that development needs and nobody should have to install, built from pinned Go modules.

`python -m gotools helm` prints where helm is. A tool on PATH is taken if its major version is the pinned one, else the
one in the cache, which is built when it is not there (hack/controlplane/README.md says which Go it takes).
"""

from gotools.tools import TOOLS, Tool, find_tool

__all__ = ["TOOLS", "Tool", "find_tool"]
