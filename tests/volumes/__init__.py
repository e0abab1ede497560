"""The worker on volumes that are full, read-only, unavailable, or do not support every call."""
