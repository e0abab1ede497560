"""Refuses a score head for which the first rank lacks rows of the output head.

A reranker that was trained as a language model has no score head: vLLM takes the rows of two tokens from the output
head, on each rank from that rank's share of it. The first rank answers, and its share begins with the first token.
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/models/adapters.py#L516
"""

from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import abbreviate

# https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/layers/vocab_parallel_embedding.py#L36
_PADDING = 64  # the rows of an output head are a multiple of this


def refuse_score_head(model_config: Any, tensor_parallel_size: int) -> None:
    """Refuse a score head that vLLM cannot make at this size. `model_config`: vLLM's, whose tokenizer is there.

    Raises:
        WorkerFailure: InvalidEngineArguments, with the sizes that are possible; SourceCorrupt if it has no such token.
    """
    text = model_config.hf_config.get_text_config()
    tokens = getattr(model_config.hf_config, "classifier_from_token", getattr(text, "classifier_from_token", None))
    if not tokens or getattr(model_config, "convert_type", "") != "classify":
        return
    from vllm.tokenizers import cached_tokenizer_from_config

    ids = cached_tokenizer_from_config(model_config).convert_tokens_to_ids(list(tokens))
    if unknown := [token for token, number in zip(tokens, ids, strict=True) if number not in range(text.vocab_size)]:
        message = f"classifier_from_token in config.json: the model has no token {abbreviate(unknown, 2)}"
        raise WorkerFailure(Reason.SOURCE_CORRUPT, message)
    rows, last = -(-text.vocab_size // _PADDING) * _PADDING, max(ids)
    if last >= rows // tensor_parallel_size:
        message = (
            f"vLLM makes the score head from the rows of {tokens} in the output head, up to row {last}, of which the "
            f"first rank has {rows // tensor_parallel_size} with tensor parallel size {tensor_parallel_size}: "
            f"the size must not be larger than {rows // (last + 1)}"
        )
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, message)
