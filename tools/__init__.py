"""Programs and builders for developers: the local cluster, the demo, test support, models."""
