"""Archives with the same octets each time: sorted names, one time, nobody's files."""

import gzip
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO


def write_archive(archive: Path, members: Mapping[str, tuple[bytes, int]], epoch: int) -> None:
    """Write a .tar.gz of names with content and mode; every time in it is `epoch`, in seconds."""
    plain = io.BytesIO()
    _write_tar(plain, members, epoch)
    with archive.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=epoch) as packed:
        packed.write(plain.getvalue())


def repack_image(archive: Path, epoch: int) -> None:
    """Write an OCI archive again with one time around its blobs, whose own content is left alone."""
    with tarfile.open(archive) as tar:
        found = {info.name: (_content(tar, info), 0o644) for info in tar if info.isfile()}
    with archive.open("wb") as file:
        _write_tar(file, found, epoch)


def _write_tar(file: IO[bytes], members: Mapping[str, tuple[bytes, int]], epoch: int) -> None:
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, (content, mode) in sorted(members.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(content), mode, epoch
            tar.addfile(info, io.BytesIO(content))


def members_of(directory: Path) -> dict[str, tuple[bytes, int]]:
    """Return the files below a directory, links followed, by their path in it."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): (path.read_bytes(), _mode(path)) for path in files}


def repack_archive(archive: Path, epoch: int) -> None:
    """Write a .tar.gz again with one time in it; directories are left out, they follow from the names."""
    with tarfile.open(archive) as tar:
        found = {info.name: (_content(tar, info), 0o644) for info in tar if info.isfile()}
    write_archive(archive, found, epoch)


def read_texts(found: Mapping[str, str]) -> dict[str, tuple[bytes, int]]:
    """Return texts as members."""
    return {name: (text.encode(), 0o644) for name, text in found.items()}


def names_of(directory: Path) -> Iterable[Path]:
    """Return the files of a directory, without those in directories of it, sorted."""
    return sorted(path for path in directory.iterdir() if path.is_file())


def _content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(info)
    return b"" if file is None else file.read()


def _mode(path: Path) -> int:
    return 0o755 if path.stat().st_mode & 0o100 else 0o644
