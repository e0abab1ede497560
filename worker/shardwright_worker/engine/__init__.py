"""Processes that run vLLM: starting them, talking with them, and what their failures mean."""
