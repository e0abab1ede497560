"""The contract between worker and operator: reasons, reports, progress, settings, names, manifest, vLLM's names."""
