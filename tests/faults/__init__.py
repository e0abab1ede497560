"""Tests of the operator behind a faulty API server: whatever fails on the way, the final state is the same."""
