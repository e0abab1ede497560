"""Programs that measure: the operator under load, and the worker."""
