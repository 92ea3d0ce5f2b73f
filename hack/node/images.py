"""Images without a registry: an ordinary Dockerfile, built by buildah, on a base that is made of Debian's packages.

The base stands in for the one that the Dockerfile names in `ARG BASE`, under that very name, so that the Dockerfile is
built unchanged. It is made once; layers of earlier builds are used again. All is kept in the cache.
"""

import fcntl
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from controlplane.binaries import cache_root
from controlplane.build import build_once
from controlplane.console import say
from controlplane.errors import ControlPlaneError
from node.layout import SANDBOX_IMAGE

SUITE = "trixie"  # Debian 13 has Python 3.13, as the base that is stood in for
INCLUDE = ("ca-certificates", "python3", "python3-venv")
EXCLUDE = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
MIRROR = "http://deb.debian.org/debian"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
KEPT_LAYERS = 60
ROOM = 2 * 2**30  # bytes for the base and layers


def build_image(
    tag: str, context: Path, arguments: Mapping[str, str], base: Path | None = None, epoch: int | None = None
) -> None:
    """Build the Dockerfile in `context` and call the result localhost/`tag`.

    `arguments` are its build arguments; with `epoch`, in seconds, nothing is newer than that. The stand-in is made for
    the image in its `ARG BASE`, or in that of the Dockerfile in `base`. Raises ControlPlaneError with the builder's
    last lines.
    """
    named = re.search(r"^ARG BASE=(\S+)$", ((base or context) / "Dockerfile").read_text(), re.MULTILINE)
    if not named:
        raise ControlPlaneError(f"{context / 'Dockerfile'} has no ARG BASE")
    # The machine's certificates, for the downloads of a build behind a proxy; they are not part of the image.
    volume = [f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"] if CERTIFICATES.exists() else []
    times = [] if epoch is None else [f"--timestamp={epoch}"]
    args = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    with _alone():
        _stand_in(f"docker.io/library/{named[1]}")
        _prune()
        say(f"building the image {tag}")
        _buildah("bud", "--pull=false", "--layers", *times, *volume, *args, f"--tag=localhost/{tag}", str(context))


def save_image(tag: str, archive: Path) -> None:
    """Write localhost/`tag` as an OCI archive, which containerd, docker and others can import."""
    _buildah("push", "--quiet", f"localhost/{tag}", f"oci-archive:{archive}:localhost/{tag}")


def pause_image(program: Path) -> Path:
    """Return an archive with the image of the process that holds a pod's namespaces."""
    archive = program.with_name("pause.tar")
    if not archive.exists():
        with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
            container = _buildah("from", "scratch")
            _buildah("add", "--quiet", container, str(program), "/pause")
            _buildah("config", '--entrypoint=["/pause"]', container)
            _buildah("commit", "--quiet", "--rm", container, f"oci-archive:{scratch}/pause.tar:{SANDBOX_IMAGE}")
            Path(scratch, "pause.tar").rename(archive)
    return archive


def import_image(run: Callable[..., "subprocess.CompletedProcess[str]"], archive: Path) -> None:
    """Give containerd an image; `run` runs a command in the node."""
    done = run("ctr", "--namespace=k8s.io", "images", "import", "--all-platforms", str(archive))
    if done.returncode:
        raise ControlPlaneError(f"containerd did not take {archive}: {done.stderr.strip()}")


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time build, so that none prunes what another one builds upon."""
    with (_made(_cache()) / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prune() -> None:
    """Drop the layers of old builds when there are many; each build leaves a handful."""
    if len(_buildah("images", "--all", "--quiet").splitlines()) > KEPT_LAYERS:
        _buildah("rmi", "--prune", "--force")


def _stand_in(name: str) -> None:
    """Have an image of this name, made of Debian's packages."""
    if _run_buildah("inspect", "--type=image", name).returncode == 0:
        return
    rootfs = _cache() / f"{SUITE}-base"
    if not rootfs.is_dir():
        build_once(rootfs, ROOM, _bootstrap)
    container = _buildah("from", "scratch")
    _buildah("add", "--quiet", container, str(rootfs / "rootfs.tar"), "/")
    _buildah("config", f"--env=PATH={PATH}", "--env=LANG=C.UTF-8", "--cmd=python3", container)
    _buildah("commit", "--quiet", "--rm", container, name)


def _bootstrap(result: Path) -> None:
    mirror = _mirror()
    say(f"making a base image of Debian's packages from {mirror} (a minute, once)")
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDE]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(INCLUDE)}", *excluded]
    done = _call([*command, SUITE, str(result / "rootfs.tar"), mirror])
    if done.returncode:
        raise ControlPlaneError(f"mmdebstrap failed; is {mirror} reachable?\n{_tail(done.stderr)}")


def _mirror() -> str:
    """The mirror of Debian that this machine uses; Debian's own if it is no Debian."""
    form = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"]
    try:
        lines = _call(form).stdout.splitlines()
    except FileNotFoundError:
        return MIRROR
    return next((line.split()[1].rstrip("/") for line in lines if line.startswith("Debian ")), MIRROR)


def _buildah(*arguments: str) -> str:
    done = _run_buildah(*arguments)
    if done.returncode:
        raise ControlPlaneError(f"buildah {arguments[0]} failed:\n{_tail(done.stdout + done.stderr)}")
    return done.stdout.strip()


def _run_buildah(*arguments: str) -> "subprocess.CompletedProcess[str]":
    driver = _driver()
    store = _cache() / driver
    store.mkdir(parents=True, exist_ok=True)
    places = [f"--root={store}/root", f"--runroot={store}/run", f"--storage-driver={driver}"]
    # chroot: no runtime, no network of its own, works where containers cannot be nested
    return _call(["buildah", *places, *arguments], {**os.environ, "BUILDAH_ISOLATION": "chroot"})


def _driver() -> str:
    """Overlay, unless the cache's disk is an overlay itself, as in a container."""
    done = _call(["stat", "--file-system", "--format=%T", str(_made(_cache()))])
    return "vfs" if done.stdout.strip() == "overlayfs" else "overlay"


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _cache() -> Path:
    return cache_root(os.environ).parent / "images"


def _call(command: list[str], environ: Mapping[str, str] = os.environ) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environ, check=False)


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-25:])
