"""The chart's permissions equal the table that docs/security.md shows, in both scopes."""

from __future__ import annotations

import re

from tools.chart.rendering import NAMESPACE, Object, of_kind, render
from tools.cluster.paths import ROOT

Row = tuple[str, str, str, str]
_ROW = re.compile(
    r"^\| `(?P<role>\w+)` \| (?P<group>\S+) \| `(?P<resource>\S+)` \| (?P<verbs>[a-z, ]+) \|", re.MULTILINE
)


def _documented() -> set[Row]:
    page = (ROOT / "docs" / "security.md").read_text()
    return {(m["role"], m["group"], m["resource"], m["verbs"]) for m in _ROW.finditer(page)}


def _granted(roles: list[Object]) -> set[Row]:
    return {
        (role["metadata"]["name"].rpartition("-")[2], group or "core", resource, ", ".join(rule["verbs"]))
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def _operators(objects: list[Object], kind: str) -> list[Object]:
    return [role for role in of_kind(objects, kind) if not role["metadata"]["name"].endswith(("-view", "-edit"))]


def test_cluster_wide_permissions_are_the_documented_ones() -> None:
    objects = render()
    assert _granted(_operators(objects, "ClusterRole") + of_kind(objects, "Role")) == _documented()


def test_a_namespaced_operator_has_no_cluster_wide_permission() -> None:
    objects = render("watchNamespaces={models,staging}", "rbac.aggregateRoles=false")
    assert not of_kind(objects, "ClusterRole")
    assert not of_kind(objects, "ClusterRoleBinding")
    for namespace in ("models", "staging"):
        roles = [role for role in of_kind(objects, "Role") if role["metadata"]["namespace"] == namespace]
        assert _granted(roles) == {row for row in _documented() if row[0] != "lease"}


def test_nothing_is_granted_by_wildcard_and_no_secret_is_read() -> None:
    for role in of_kind(render(), "ClusterRole") + of_kind(render(), "Role"):
        for rule in role["rules"]:
            words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert "*" not in words
            assert not words & {"secrets", "pods/exec", "serviceaccounts/token", "escalate", "bind", "impersonate"}


def test_every_binding_is_for_the_operators_account() -> None:
    objects = render("serviceAccount.name=worker-of-shards")
    for binding in of_kind(objects, "ClusterRoleBinding") + of_kind(objects, "RoleBinding"):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "worker-of-shards", "namespace": NAMESPACE}]


def test_only_the_operators_lease_may_be_changed() -> None:
    (lease,) = [role for role in of_kind(render(), "Role") if role["metadata"]["name"].endswith("-lease")]
    assert lease["metadata"]["namespace"] == NAMESPACE
    assert lease["rules"][1]["resourceNames"] == ["shardwright"]
