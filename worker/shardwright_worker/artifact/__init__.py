"""Published artifacts: read, check and print them. Imports neither vLLM nor torch."""
