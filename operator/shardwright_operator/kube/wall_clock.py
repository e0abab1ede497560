"""The wall clock, for times that the API server or a user reads; everything else measures monotonic seconds."""

from datetime import UTC, datetime


def micro_time() -> str:
    """Return the current time as a Kubernetes MicroTime.

    https://github.com/kubernetes/apimachinery/blob/v0.36.3/pkg/apis/meta/v1/micro_time.go#L26
    """
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def age_seconds(time: datetime) -> float:
    """Return the seconds since a time that the API server wrote; the clocks of two machines may differ."""
    return (datetime.now(UTC) - time).total_seconds()
