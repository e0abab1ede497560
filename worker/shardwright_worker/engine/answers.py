"""Asks a model a few things and compares two models' answers: tokens with their log-probabilities, or vectors.

Two engines with equal weights on the same machine must answer alike to the last bit, unless the kernels themselves do
not: some add up in an order that changes. So each engine is asked twice, and only what differs between two answers of
one engine may differ, by as much, between the two engines. Tokens must be equal in any case.
"""

import math
from itertools import chain
from typing import Any

PROMPTS = ([1, 2, 3, 4, 5], [7, 11, 13, 17, 19, 23])
_TOKENS = 16
_TOP = 5  # most likely tokens at each place, beside the chosen one
_KEPT = 64  # numbers of one answer that a manifest keeps
_TASKS = ("embed", "classify", "token_embed", "token_classify", "reward", "score")
Numbers = list[list[float]]


def chances() -> int:
    """Log-probabilities at each place that the engine must be willing to tell."""
    return _TOP


def ask(llm: Any) -> dict[str, Any]:
    """Tokens and log-probabilities, or vectors, and how far two answers of this engine lie apart (`spread`)."""
    config = llm.llm_engine.vllm_config.model_config
    size = max(2, int(config.get_vocab_size()))
    room = max(1, min(_TOKENS, int(config.max_model_len) - max(map(len, PROMPTS)) - 1))
    prompts = [{"prompt_token_ids": [token % size for token in prompt]} for prompt in PROMPTS]
    once, again = (_ask(llm, config.runner_type == "generate", prompts, room) for _ in range(2))
    return {**once, "spread": distance(once, again)}


def distance(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Largest difference of two answers' numbers; infinite where they cannot be compared."""
    if one.get("tokens") != other.get("tokens") or one.get("places") != other.get("places"):
        return math.inf
    pairs = [
        (one.get(kind, []), other.get(kind, [])) for kind in ("logprobs", "vectors") if kind in one or kind in other
    ]
    return max((_apart(a, b) for numbers, others in pairs for a, b in _lines(numbers, others)), default=0.0)


def difference(source: dict[str, Any], shards: dict[str, Any]) -> str:
    """What is wrong with the shards' answers; empty if nothing is."""
    if source.get("tokens") != shards.get("tokens"):
        return f"the shards answer {shards.get('tokens')} where the source answers {source.get('tokens')}"
    allowed = max(source.get("spread", 0.0), shards.get("spread", 0.0))
    found = distance(source, shards)
    if found <= allowed or (math.isinf(allowed) and not math.isinf(found)):
        return ""
    what = "vectors" if "vectors" in source else "log-probabilities"
    return f"{what} of the shards differ from the source's by up to {found:g}, its own answers by {allowed:g}"


def kept(answers: dict[str, Any]) -> dict[str, Any]:
    """What a manifest keeps of them: finite numbers, not too many."""
    numbers = {kind: [line[:_KEPT] for line in answers.get(kind, [])] for kind in ("logprobs", "vectors")}
    finite = {kind: lines for kind, lines in numbers.items() if all(map(math.isfinite, chain.from_iterable(lines)))}
    return {"tokens": answers.get("tokens", []), **finite}


def _ask(llm: Any, writes: bool, prompts: list[Any], room: int) -> dict[str, Any]:
    return _written(llm, prompts, room) if writes else _pooled(llm, prompts)


def _written(llm: Any, prompts: list[Any], room: int) -> dict[str, Any]:
    from vllm import SamplingParams

    sampling = SamplingParams(temperature=0.0, max_tokens=room, ignore_eos=True, detokenize=False, logprobs=_TOP)
    answers = [one.outputs[0] for one in llm.generate(prompts, sampling, use_tqdm=False)]
    places = [[_place(at) for at in answer.logprobs] for answer in answers]
    chosen = [
        [float(at[token].logprob) for token, at in zip(answer.token_ids, answer.logprobs, strict=True)]
        for answer in answers
    ]
    others = [[number for place in answer for _, number in place] for answer in places]
    return {
        "tokens": [[int(token) for token in answer.token_ids] for answer in answers],
        "places": [[[token for token, _ in place] for place in answer] for answer in places],
        "logprobs": [line + rest for line, rest in zip(chosen, others, strict=True)],
    }


def _place(at: Any) -> list[tuple[int, float]]:
    """Tokens and log-probabilities at one place, by token."""
    return sorted((int(token), float(one.logprob)) for token, one in at.items())


def _pooled(llm: Any, prompts: list[Any]) -> dict[str, Any]:
    supported = [str(task) for task in llm.supported_tasks]
    task = next((task for task in _TASKS if task in supported), supported[0])
    answers = llm.encode(prompts, pooling_task=task, use_tqdm=False)
    return {"vectors": [[float(one) for one in answer.outputs.data.float().flatten().tolist()] for answer in answers]}


def _lines(numbers: Numbers, others: Numbers) -> list[tuple[list[float], list[float]]]:
    return list(zip(numbers, others, strict=True)) if len(numbers) == len(others) else [([], [0.0])]


def _apart(one: list[float], other: list[float]) -> float:
    if len(one) != len(other):
        return math.inf
    return max((_gap(a, b) for a, b in zip(one, other, strict=True)), default=0.0)


def _gap(a: float, b: float) -> float:
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    gap = abs(a - b)
    return math.inf if math.isnan(gap) else gap
