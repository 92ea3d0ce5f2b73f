"""The go.mod of any Kubernetes release, made from the one that the release was tested with."""

import pytest

from controlplane.errors import ControlPlaneError
from controlplane.module import etcd_version, render_go_mod

OLD = """\
module k8s.io/kubernetes

go 1.22.0

require (
	go.etcd.io/etcd/client/v3 v3.5.10
	k8s.io/api v0.0.0
	k8s.io/client-go v0.0.0 // a staging module
	k8s.io/klog/v2 v2.120.1
)

require go.etcd.io/etcd/server/v3 v3.5.10 // indirect

replace k8s.io/api => ./staging/src/k8s.io/api
"""


def test_each_staging_module_is_replaced_by_its_published_one() -> None:
    made = render_go_mod("example.com/it", "1.30.14", OLD, etcd=False)
    replaced = [line for line in made.splitlines() if line.startswith("replace")]
    assert replaced == [
        "replace k8s.io/api => k8s.io/api v0.30.14",
        "replace k8s.io/client-go => k8s.io/client-go v0.30.14",
    ]
    assert "require k8s.io/kubernetes v1.30.14\n" in made


def test_etcd_is_the_one_of_the_release() -> None:
    assert etcd_version(OLD) == "v3.5.10"
    assert "tool go.etcd.io/etcd/server/v3" in render_go_mod("example.com/it", "1.30.14", OLD, etcd=True)
    assert "tool" not in render_go_mod("example.com/it", "1.30.14", OLD, etcd=False)


def test_a_release_that_does_not_name_etcd_is_an_error() -> None:
    with pytest.raises(ControlPlaneError, match="does not name"):
        etcd_version(OLD.replace("etcd/server", "etcd/other"))


@pytest.mark.parametrize(("theirs", "ours"), [("1.22.0", "1.24.0"), ("1.26.0", "1.26.0")])
def test_go_is_new_enough_for_the_release_and_for_tool_lines(theirs: str, ours: str) -> None:
    made = render_go_mod("example.com/it", "1.30.14", OLD.replace("go 1.22.0", f"go {theirs}"), etcd=True)
    assert f"\ngo {ours}\n" in made
