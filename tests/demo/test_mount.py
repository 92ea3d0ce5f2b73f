"""The stand-in for the kubelet writes volumes as the real one does."""

import json
from pathlib import Path

from demo.kubelet import _documents
from demo.mount import swap


def visible(volume: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in volume.iterdir() if not file.name.startswith("..")}


def test_each_swap_shows_exactly_the_new_files(tmp_path: Path) -> None:
    for files in ({"a": b"1", "b": b"2"}, {"b": b"3", "c": b""}, {}, {"a": b"4"}):
        swap(tmp_path, files)
        assert visible(tmp_path) == files


def test_a_swap_is_one_rename_of_a_link_and_leaves_nothing_behind(tmp_path: Path) -> None:
    swap(tmp_path, {"a": b"1"})
    first = (tmp_path / "..data").readlink()
    swap(tmp_path, {"a": b"2"})
    assert (tmp_path / "a").readlink() == Path("..data/a")
    assert (tmp_path / "..data").readlink() != first
    assert len(list(tmp_path.iterdir())) == 3  # the file's link, the data link, the data directory


def test_kubectl_output_is_split_into_its_objects() -> None:
    objects = [{"a": {"b": "}"}}, {"c": [{}, {"d": "\n}\n"}]}]
    lines = "\n".join(json.dumps(each, indent=4) for each in objects).splitlines(keepends=True)
    assert list(_documents(lines)) == objects
