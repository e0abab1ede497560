"""Asks a model a few prompts and compares two models' answers: tokens with their log-probabilities, or vectors.

Two engines with equal weights on the same machine must answer alike to the last bit, unless the kernels themselves do
not: some add up in an order that changes. So each engine is asked twice, and the two engines may differ only by as much
as the two answers of one of them. Tokens must be equal in any case.
"""

import math
from itertools import chain
from typing import Any

from shardwright_worker.engine.messages import Answers

PROMPTS = ([1, 2, 3, 4, 5], [7, 11, 13, 17, 19, 23])  # token ids
TOP = 5  # log-probabilities at each position: of the most likely tokens, beside the chosen one
_TOKENS = 16  # generated for each prompt
_KEPT = 64  # numbers of each answer that a manifest records
# https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/tasks.py
_TASKS = ("embed", "classify", "token_embed", "token_classify")
Numbers = list[list[float]]


def ask(llm: Any) -> Answers:
    """Return the answers of a vllm.LLM, and how much two answers of it differ."""
    config = llm.llm_engine.vllm_config.model_config
    size = max(2, int(config.get_vocab_size()))
    most = max(1, min(_TOKENS, int(config.max_model_len) - max(map(len, PROMPTS)) - 1))
    prompts = [{"prompt_token_ids": [token % size for token in prompt]} for prompt in PROMPTS]
    first, second = (_ask(llm, config.runner_type == "generate", prompts, most) for _ in range(2))
    return first.model_copy(update={"spread": distance(first, second)})


def distance(one: Answers, other: Answers) -> float:
    """Return the largest difference between the numbers of two answers; infinite where they cannot be compared."""
    if one.tokens != other.tokens or one.candidates != other.candidates:
        return math.inf
    pairs = [(one.logprobs, other.logprobs), (one.vectors, other.vectors)]
    return max((_distance(a, b) for numbers, others in pairs for a, b in _rows(numbers, others)), default=0.0)


def difference(source: Answers, shards: Answers) -> str:
    """Return how the shards' answers differ from the source's by more than chance; empty if they do not."""
    if source.tokens != shards.tokens:
        return f"the shards answer {shards.tokens} where the source answers {source.tokens}"
    allowed = max(source.spread, shards.spread)
    found = distance(source, shards)
    if found <= allowed or (math.isinf(allowed) and not math.isinf(found)):
        return ""
    what = "vectors" if source.vectors else "log-probabilities"
    return f"{what} of the shards differ from the source's by up to {found:g}, its own answers by {allowed:g}"


def recorded(answers: Answers) -> Answers:
    """Return what a manifest records of them: finite numbers alone, and a bounded count of them."""
    logprobs, vectors = ([row[:_KEPT] for row in rows] for rows in (answers.logprobs, answers.vectors))
    return Answers(
        tokens=answers.tokens,
        logprobs=logprobs if _are_finite(logprobs) else [],
        vectors=vectors if _are_finite(vectors) else [],
    )


def _are_finite(rows: Numbers) -> bool:
    return all(map(math.isfinite, chain.from_iterable(rows)))


def _ask(llm: Any, generates: bool, prompts: list[Any], most: int) -> Answers:
    return _generated(llm, prompts, most) if generates else _pooled(llm, prompts)


def _generated(llm: Any, prompts: list[Any], most: int) -> Answers:
    from vllm import SamplingParams

    sampling = SamplingParams(temperature=0.0, max_tokens=most, ignore_eos=True, detokenize=False, logprobs=TOP)
    answers = [one.outputs[0] for one in llm.generate(prompts, sampling, use_tqdm=False)]
    candidates = [[_candidates(at) for at in answer.logprobs] for answer in answers]
    chosen = [
        [float(at[token].logprob) for token, at in zip(answer.token_ids, answer.logprobs, strict=True)]
        for answer in answers
    ]
    others = [[number for position in answer for _, number in position] for answer in candidates]
    return Answers(
        tokens=[[int(token) for token in answer.token_ids] for answer in answers],
        candidates=[[[token for token, _ in position] for position in answer] for answer in candidates],
        logprobs=[row + rest for row, rest in zip(chosen, others, strict=True)],
    )


def _candidates(at: Any) -> list[tuple[int, float]]:
    """Return tokens and log-probabilities at one position, by token."""
    return sorted((int(token), float(one.logprob)) for token, one in at.items())


def _pooled(llm: Any, prompts: list[Any]) -> Answers:
    """Return the vectors of a pooling model.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/entrypoints/pooling/offline.py#L62
    """
    supported = [str(task) for task in llm.supported_tasks]
    task = next((task for task in _TASKS if task in supported), supported[0])
    answers = llm.encode(prompts, pooling_task=task, use_tqdm=False)
    return Answers(vectors=[[float(one) for one in each.outputs.data.float().flatten().tolist()] for each in answers])


def _rows(numbers: Numbers, others: Numbers) -> list[tuple[list[float], list[float]]]:
    return list(zip(numbers, others, strict=True)) if len(numbers) == len(others) else [([], [0.0])]


def _distance(row: list[float], other: list[float]) -> float:
    if len(row) != len(other):
        return math.inf
    return max((_difference(a, b) for a, b in zip(row, other, strict=True)), default=0.0)


def _difference(a: float, b: float) -> float:
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    found = abs(a - b)
    return math.inf if math.isnan(found) else found
