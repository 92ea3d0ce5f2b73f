"""`python -m website DIRECTORY [--source URL]` builds DIRECTORY/<version> and lists the versions that are there."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from controlplane.commandline import exit_status
from controlplane.errors import ControlPlaneError
from generated import ROOT
from jwks_operator import __version__
from release.freeze import find_uv
from release.plan import SOURCE
from website.links import find_broken_links
from website.pages import DOCS, read_navigation, write_pages

CONFIG = {
    "site_name": "jwks-operator",
    "site_description": "Makes, publishes and rotates JSON Web Keys on Kubernetes",
    "docs_dir": "docs",
    "site_dir": "site",
    "theme": {
        "font": False,  # nothing is fetched from other hosts
        "favicon": "img/icon.svg",
        "logo": "img/icon.svg",
        "features": ["navigation.sections", "navigation.top", "search.highlight", "content.code.copy", "toc.follow"],
        "palette": [
            {"media": f"(prefers-color-scheme: {scheme})", "scheme": name, "toggle": {"icon": icon, "name": scheme}}
            for scheme, name, icon in (("light", "default", "lucide/sun"), ("dark", "slate", "lucide/moon"))
        ],
    },
    "extra": {"version": {"provider": "mike"}, "generator": False},
}
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def build_site(directory: Path, source: str) -> Path:
    """Build this version's site below a directory and return where it is; ControlPlaneError if anything is wrong."""
    site = directory / __version__
    with tempfile.TemporaryDirectory(prefix="website-") as scratch:
        project = Path(scratch)
        write_pages(project / "docs", f"{source}/blob/v{__version__}")
        (project / "mkdocs.yml").write_text(json.dumps({**CONFIG, "repo_url": source, "nav": _navigation()}))
        _run_generator(project)
        if broken := find_broken_links((project / "site").resolve()):
            raise ControlPlaneError("links that lead nowhere:\n" + "\n".join(broken))
        shutil.rmtree(site, ignore_errors=True)
        shutil.copytree(project / "site", site)
    _list_versions(directory)
    return site


def _navigation() -> list[object]:
    sections = read_navigation((DOCS / "README.md").read_text())
    return ["README.md", *(page for title, pages in sections if not title for page in pages)] + [
        {title: pages} for title, pages in sections if title
    ]


def _run_generator(project: Path) -> None:
    environ = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(project / "venv")}
    command = [find_uv(), "run", "--quiet", "--locked", f"--project={ROOT}", "--only-group=site", "--no-active"]
    done = subprocess.run(
        [*command, "zensical", "build", "--strict", f"--config-file={project / 'mkdocs.yml'}"],
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ControlPlaneError("zensical failed:\n" + COLOUR.sub("", done.stdout + done.stderr))


def _list_versions(directory: Path) -> None:
    """Write what the version menu reads, newest first, and a page that leads to the newest."""
    there = [each.name for each in directory.iterdir() if (each / "index.html").is_file()]
    versions = sorted(there, key=lambda name: [int(part) for part in name.split(".")], reverse=True)
    listed = [{"version": each, "title": each, "aliases": []} for each in versions]
    (directory / "versions.json").write_text(json.dumps(listed) + "\n")
    (directory / "index.html").write_text(f'<meta http-equiv="refresh" content="0; url={versions[0]}/">\n')


def main() -> int:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m website", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--source", default=SOURCE, help="where the repository is on the web")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    print(build_site(options.directory, options.source))
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
