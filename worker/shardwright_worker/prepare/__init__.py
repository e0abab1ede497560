"""Sources: fetches and checks them before a GPU is taken. Imports neither vLLM nor torch."""
