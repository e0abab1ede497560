"""Published artifacts: finding, checking, showing and pruning them. Imports neither vLLM nor torch."""
