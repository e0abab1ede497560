"""Environment variables that may decide which parameters a rank holds. No key and no manifest records them.

They are what vLLM reads while it builds the modules of a model, other than to choose kernels:
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/envs.py
"""

import re
from collections.abc import Mapping

LAYOUT_VARIABLES = (  # a regular expression that RE2 and Python read alike
    "VLLM_PP_LAYER_PARTITION|VLLM_MODEL_REDIRECT_PATH|VLLM_REPLICATE_EMBED|VLLM_MLA_DISABLE"
    "|VLLM_.*FUS(E|ION)_SHARED_EXPERTS?|VLLM_.*SHARED_EXPERTS?_FUSION|VLLM_.*SHARD_SP_SHARED_EXPERT"
    "|VLLM_HUMMING_ONLINE_QUANT_CONFIG"
)


def layout_variables(environment: Mapping[str, str]) -> list[str]:
    """Return the names of those that are set, sorted."""
    return sorted(name for name, value in environment.items() if value and re.fullmatch(LAYOUT_VARIABLES, name))
