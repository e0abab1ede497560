"""What the benchmark of the operator simulates: reports that the operator reads, and writes repeated for others."""

import json

import yaml

from benchmarks.operator.nodes import stages_of_pods
from benchmarks.operator.recorded_writes import RECORDED, Write
from benchmarks.operator.reports import reports
from shardwright_worker.contract.report import read_report


def test_the_operator_reads_each_report_of_a_simulated_worker() -> None:
    for name, report in reports().items():
        assert report.coherent, name
        assert read_report(report.to_text()) == report, name


def test_the_stages_hold_each_report_as_a_raw_string() -> None:
    templates = [stage["spec"]["next"]["statusTemplate"] for stage in yaml.safe_load_all(stages_of_pods())]
    for name, report in reports().items():
        assert f" `{report.to_text()}` " in templates[-1], name
        assert f" {name} " not in templates[-1]


def test_a_recorded_write_is_repeated_for_another_resource() -> None:
    body = {"name": f"{RECORDED}-prepare-1", "namespace": "recorded-namespace", "uid": "recorded-uid"}
    write = Write(job=True, body=json.dumps({"metadata": body}))
    resource = {"metadata": {"name": "other", "namespace": "models", "uid": "uid-2"}}
    assert write.of(resource) == {"metadata": {"name": "other-prepare-1", "namespace": "models", "uid": "uid-2"}}
