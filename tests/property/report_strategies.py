"""Strategies for reports of a worker."""

from __future__ import annotations

import math
from datetime import UTC

from hypothesis import strategies as st

from shardwright_worker.contract.maintenance import MaintenanceReport, PruneReport
from shardwright_worker.contract.measured import Measured, MeasuredLoad
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import ArtifactReport, Report, SourceReport
from shardwright_worker.contract.verification_levels import LEVELS

ANYTHING = st.text(st.characters(codec=None), max_size=6000)


COUNTS = st.integers(0, 2**53)


SECONDS = st.floats(0, 1e9)


PATHS = st.lists(st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=20), max_size=6).map("/".join)


DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)


KEYS = st.text("0123456789abcdef", min_size=16, max_size=16)


TIMES = st.datetimes(timezones=st.just(UTC)).map(lambda time: time.isoformat())


PLAIN = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_/.", max_size=200)


sources = st.builds(
    lambda **fields: SourceReport(**fields),
    digest=DIGESTS,
    revision=PLAIN,
    path=PATHS,
    volume=st.sampled_from(["source", "output"]),
    bytes=COUNTS,
    files=COUNTS,
)


loads = st.builds(lambda **fields: MeasuredLoad(**fields), seconds=SECONDS, bytes_read=st.none() | COUNTS)


artifacts = st.builds(
    lambda **fields: ArtifactReport(**fields),
    key=KEYS,
    path=PATHS,
    manifest_digest=DIGESTS,
    bytes=COUNTS,
    files=COUNTS,
    vllm_version=PLAIN,
    accelerator=st.text(max_size=40),
    verified_by=st.sampled_from(LEVELS),
    source_revision=PLAIN,
    completed_at=TIMES,
    measured=st.none() | st.builds(Measured, source=loads, shards=loads),
)


WORKERS_REASONS = [reason for reason in Reason if MEANINGS[reason].exit_code is not None]


ENDS = st.just((True, Reason.SUCCEEDED, 0)) | st.sampled_from(WORKERS_REASONS).map(
    lambda reason: (False, reason, MEANINGS[reason].exit_code)
)


prunes = st.builds(
    PruneReport,
    kept=COUNTS,
    removed=st.lists(KEYS, max_size=40),
    in_use=st.lists(KEYS, max_size=40),
    freed_bytes=COUNTS,
    expired=st.booleans(),
)


maintenance = st.builds(
    MaintenanceReport, pruned=st.none() | prunes, damage=st.none() | ANYTHING, source_problem=st.none() | ANYTHING
)


reports = st.builds(
    lambda end, **fields: Report(succeeded=end[0], reason=end[1], exit_code=end[2], **fields),
    end=ENDS,
    stage=st.sampled_from(["Prepare", "Shard", "Check"]),
    key=st.just("") | KEYS,
    message=ANYTHING,
    error_type=st.none() | st.text(max_size=300),
    rank=st.none() | COUNTS,
    source=st.none() | sources,
    artifact=st.none() | artifacts,
    maintenance=maintenance,
    duration_seconds=st.dictionaries(PLAIN, SECONDS, max_size=6),
)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 2**53, 2**53 + 1, 2**63, 1e400, -1e400, math.nan, -0.0, 1e308]),
    st.floats(),
    st.text(st.characters(codec=None), max_size=20),
    st.sampled_from(
        ["../x", "/x", "a//b", "\ud800", "\x1b[2J", "\u202e", "9999-12-31T23:59:59-23:59", "0" * 64, "0" * 16]
    ),
    st.sampled_from(["Load", "Succeeded", "Suspended", "SourceCorrupt", "Preparing", "Loading", "source", "progress"]),
)


NESTED = st.recursive(
    ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
