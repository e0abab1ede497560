"""Pure policy: what should be done next in the world that was observed."""

from shardwright_operator.decide.reconcile import decide

__all__ = ["decide"]
