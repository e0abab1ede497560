"""The worker beside raw writes, `safetensors.save_file`, `sha256sum` and vLLM's own way to save a sharded state."""
