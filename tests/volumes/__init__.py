"""The worker on volumes that are full, read-only, silent, or cannot do everything that a disk can."""
