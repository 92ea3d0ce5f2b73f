"""`python -m manifests` writes manifests/, `--check` tells whether they are up to date."""

import sys

from generated import write_or_check
from manifests.render import manifest_paths, render_manifests

if __name__ == "__main__":
    sys.exit(write_or_check(manifest_paths(render_manifests()), sys.argv[1:]))
