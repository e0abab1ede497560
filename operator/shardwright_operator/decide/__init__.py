"""Pure decisions: what to do next for one resource, as a function of the observed state."""

from shardwright_operator.decide.reconcile import decide

__all__ = ["decide"]
