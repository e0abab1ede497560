"""The resource as frozen types."""
