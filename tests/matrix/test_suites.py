"""What came of a run is read from pytest's own report."""

from matrix.record import Counts
from matrix.suites import Case, read_report, select_folders, summarise_cases

REPORT = """\
<testsuites><testsuite>
<testcase classname="tests.cluster.api.test_admission" name="test_it[a]" time="0.5"/>
<testcase classname="tests.cluster.api.test_admission" name="test_fields" time="0.25">
  <skipped type="pytest.skip" message="not served: selectableFields">where</skipped></testcase>
<testcase classname="tests.nightly.release.test_installation" name="test_it" time="3">
  <failure message="no">why</failure></testcase>
<testcase classname="tests.cluster.test_repair" name="test_it" time="1"><error message="no">why</error></testcase>
</testsuite></testsuites>
"""


def test_each_test_has_its_suite_and_its_outcome() -> None:
    assert read_report(REPORT) == [
        Case("tests.cluster.api.test_admission::test_it[a]", "admission", "passed", 0.5),
        Case(
            "tests.cluster.api.test_admission::test_fields",
            "admission",
            "skipped",
            0.25,
            "not served: selectableFields",
        ),
        Case("tests.nightly.release.test_installation::test_it", "chart", "failed", 3.0),
        Case("tests.cluster.test_repair::test_it", "cluster", "failed", 1.0),
    ]


def test_the_second_outcome_of_a_repeated_test_counts_and_is_told() -> None:
    first = read_report(REPORT)
    report = summarise_cases(first, [Case("tests.cluster.test_repair::test_it", "cluster", "passed", 1.0)])
    assert report.suites == {
        "admission": Counts(passed=1, skipped=1, seconds=0),
        "chart": Counts(failed=1, seconds=3),
        "cluster": Counts(passed=1, seconds=1),
    }
    assert report.lacks == ("selectableFields",)
    assert report.repeated == ("tests.cluster.test_repair::test_it",)


def test_a_failure_that_stays_is_a_failure() -> None:
    first = read_report(REPORT)
    report = summarise_cases(first, [each for each in first if each.outcome == "failed"])
    assert (report.suites["chart"].failed, report.suites["cluster"].failed, report.repeated) == (1, 1, ())


def test_a_suite_is_selected_without_the_others_and_without_the_tools() -> None:
    assert select_folders(["admission"]) == ["tests/cluster/api"]
    assert select_folders(["admission", "cluster"]) == [
        "tests/cluster",
        "--ignore=tests/cluster/chart",
        "--ignore=tests/cluster/bench",
        "--ignore=tests/cluster/controlplane",
        "--ignore=tests/cluster/demo",
    ]
