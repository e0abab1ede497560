"""Environment names that may decide which parameters a rank holds. They are in no key and in no manifest."""

import re
from collections.abc import Mapping

# From vLLM's envs.py, 0.32: what it reads while it builds the model's modules, other than to choose kernels. Read alike
# by RE2 and Python.
LAYOUT = (
    "VLLM_PP_LAYER_PARTITION|VLLM_MODEL_REDIRECT_PATH|VLLM_REPLICATE_EMBED|VLLM_MLA_DISABLE"
    "|VLLM_.*FUS(E|ION)_SHARED_EXPERTS?|VLLM_.*SHARED_EXPERTS?_FUSION|VLLM_.*SHARD_SP_SHARED_EXPERT"
    "|VLLM_HUMMING_ONLINE_QUANT_CONFIG"
)


def layout_names(environment: Mapping[str, str]) -> list[str]:
    """Those of them that are set."""
    return sorted(name for name, value in environment.items() if value and re.fullmatch(LAYOUT, name))
