"""Pure policy: what should be done next in the world that was observed."""
