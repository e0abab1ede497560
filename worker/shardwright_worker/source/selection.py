"""Selects the files of a source: all but those known to be of no use to vLLM, such as weights in other formats.

Which weight files vLLM reads for a load format:
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/default_loader.py#L147
"""

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

# In lower case. Storage systems and desktops add some of them to every volume: lost+found, @eaDir, ...
_FOLDERS = {
    "original", "onnx", "openvino", "coreml", "tflite", "runs", "logs", "metal", "flax", "tf", "gguf", "wandb",
    "tensorboard", "mlruns", "__pycache__", "lost+found", "@eadir", "#recycle", "#snapshot", "$recycle.bin",
    "system volume information",
}  # fmt: skip
_FOLDER_PATTERNS = ("checkpoint-*", "global_step*")
_OTHER_FORMATS = {
    ".pth", ".gguf", ".ggml", ".onnx", ".onnx_data", ".msgpack", ".h5", ".tflite", ".ot", ".mlmodel", ".mlpackage",
    ".ckpt", ".keras", ".pkl", ".tar", ".gz", ".tgz", ".zip", ".7z", ".npz", ".engine", ".lock", ".tmp", ".incomplete",
    ".pdparams", ".pdmodel", ".pb", ".ncnn", ".mnn", ".rknn", ".distcp", ".part", ".aria2", ".parquet", ".arrow",
    ".bz2", ".xz", ".zst", ".rar", ".iso", ".whl", ".pyc", ".log",
}  # fmt: skip
_PICTURES = {
    ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".bmp", ".ico", ".pdf", ".mp4", ".mp3", ".wav", ".flac", ".avi",
    ".mov", ".webm", ".ipynb",
}  # fmt: skip
_TRAINING = {
    "training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.bin", "scheduler.pt", "scaler.pt",
    "rng_state.pth", "trainer_state.json", "latest", "zero_to_fp32.py",
}  # fmt: skip
_TRAINING_PATTERNS = ("events.out.tfevents.*", "rng_state*", "*_optim_states.pt")
_DOCUMENTS = {".md", ".rst"}
_DOCUMENT_NAMES = ("license*", "notice*", "readme*", "*.sha256", "*.sha256sums", "*sha256sum*")
_TOKENIZERS = ("tokenizer*", "vocab*", "*.model", "*.tiktoken", "tekken.json", "merges.txt", "*.index.json")
LARGEST_FILE = 64 * 1024**2  # bytes of a file beside the weights
LARGEST_TOKENIZER = 512 * 1024**2  # bytes of a tokenizer file or an index
WEIGHTS = (".safetensors", ".bin", ".pt")
PICKLES = (".bin", ".pt")
INDEX, CONSOLIDATED_INDEX = "model.safetensors.index.json", "consolidated.safetensors.index.json"


def select_files(
    names: Iterable[str], extra_args: Mapping[str, str], sizes: Mapping[str, int] | None = None
) -> list[str]:
    """Return the sorted names to use: weights of one format, and everything else that is not excluded or too large.

    `sizes` are in bytes; a file whose size is not known counts as small.
    """
    sizes = sizes or {}
    kept = sorted(
        name for name in names if is_weights(name) or is_metadata(name, sizes.get(name, 0)) or _is_index(name)
    )
    kept = [name for name in kept if _is_selected(PurePosixPath(name))]
    tops = [name for name in kept if "/" not in name]
    safetensors = {name for name in tops if name.endswith(".safetensors")}
    pickles = {name for name in tops if name.endswith(PICKLES)}
    unread = safetensors if pickles and extra_args.get("load_format") in ("pt", "npcache") else pickles
    return [name for name in kept if name not in unread or not safetensors]


def is_metadata(name: str, size: int, modules: Collection[str] = ()) -> bool:
    """Return whether a file is copied to the artifact: configuration, tokenizer, code, license.

    `name` is relative to the model's folder, `size` in bytes. `modules` are the folders of a sentence-transformers
    model, which are copied with their weights.
    """
    path = PurePosixPath(name)
    if any(path.is_relative_to(folder) for folder in modules):
        return _is_selected(path)
    return _is_selected(path) and not is_weights(name) and not _is_index(name) and size <= size_limit(name)


def is_weights(name: str) -> bool:
    """Return whether a file holds weights in a format that vLLM reads."""
    return PurePosixPath(name).suffix in WEIGHTS


def size_limit(name: str) -> int:
    """Return the maximum bytes of a file to be used; weights are not limited."""
    if is_weights(name):
        return 1 << 62
    known = any(fnmatchcase(PurePosixPath(name).name, pattern) for pattern in _TOKENIZERS)
    return LARGEST_TOKENIZER if known else LARGEST_FILE


def select_downloads(
    names: Iterable[str],
    include: list[str],
    exclude: list[str],
    extra_args: Mapping[str, str],
    sizes: Mapping[str, int] | None = None,
) -> list[str]:
    """Return the names to download: those that match `include`, or by default `select_files`, without `exclude`."""
    names = list(names)
    if include:
        selected = [name for name in sorted(names) if _matches(name, include)]
    else:
        selected = _one_copy(select_files(names, extra_args, sizes), extra_args)
    return [name for name in selected if not _matches(name, exclude)]


def select_weights(names: Iterable[str], extra_args: Mapping[str, str]) -> list[str]:
    """Return which files at the top of a folder vLLM's loader reads, before an index reduces them."""
    names = sorted(names)
    load_format = extra_args.get("load_format", "auto")
    safetensors = [name for name in names if name.endswith(".safetensors")]
    consolidated = [name for name in safetensors if name.startswith("consolidated")]
    if load_format == "mistral" or (load_format == "auto" and consolidated):
        return consolidated
    if safetensors and load_format not in ("pt", "npcache"):
        return safetensors
    kinds = (".pt",) if load_format == "pt" else (".bin", ".pt")
    pickles = ([name for name in names if name.endswith(kind) and name not in _TRAINING] for kind in kinds)
    return next((files for files in pickles if files), [])


def select_index(files: Iterable[str], extra_args: Mapping[str, str]) -> str:
    """Return the index that reduces these files in vLLM's loader, or an empty string if it reads none.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/weight_utils.py#L585
    """
    files = list(files)
    load_format = extra_args.get("load_format", "auto")
    if not files or not files[0].endswith(".safetensors") or load_format.startswith("runai"):
        return ""
    own_format = load_format == "mistral" or (load_format == "auto" and files[0].startswith("consolidated"))
    return CONSOLIDATED_INDEX if own_format else INDEX


def affects_artifact(name: str) -> bool:
    """Return whether a file's content can change what an artifact does; a license or a README cannot."""
    path = PurePosixPath(name)
    return path.suffix.lower() not in _DOCUMENTS and not any(
        fnmatchcase(path.name.lower(), pattern) for pattern in _DOCUMENT_NAMES
    )


def may_hold_model_files(name: str) -> bool:
    """Return whether a folder of this name may hold files of a model."""
    lower = name.lower()
    useless = lower.startswith(".") or lower in _FOLDERS
    return not useless and not any(fnmatchcase(lower, each) for each in _FOLDER_PATTERNS)


def _one_copy(names: list[str], extra_args: Mapping[str, str]) -> list[str]:
    """Return the names without the second copy of the weights that repositories of Mistral AI have."""
    safetensors = {name for name in names if "/" not in name and name.endswith(".safetensors")}
    consolidated = {name for name in safetensors if name.startswith("consolidated")}
    if not consolidated or consolidated == safetensors:
        return names
    if "mistral" in (extra_args.get("load_format"), extra_args.get("config_format")):
        unread = safetensors - consolidated | {INDEX}
    else:
        unread = consolidated | {CONSOLIDATED_INDEX}
    return [name for name in names if name not in unread]


def _is_index(name: str) -> bool:
    return name.endswith(".index.json")


def _is_selected(path: PurePosixPath) -> bool:
    *folders, name = path.parts
    if name.startswith(".") or not all(may_hold_model_files(folder) for folder in folders):
        return False
    suffix = path.suffix.lower()
    if suffix in _OTHER_FORMATS or suffix in _PICTURES or name in _TRAINING:
        return False
    return not any(fnmatchcase(name, pattern) for pattern in _TRAINING_PATTERNS)


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern + "*" if pattern.endswith("/") else pattern) for pattern in patterns)
