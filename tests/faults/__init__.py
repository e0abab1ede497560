"""Tests of the operator behind a faulty API server: whatever goes wrong on the way, the end is the same."""
