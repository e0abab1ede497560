"""Which files of a source count: what vLLM reads, and not the other formats that repositories carry beside it."""

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

_FOLDERS = {"original", "onnx", "openvino", "coreml", "tflite", "runs", "logs", "metal", "flax", "tf", "gguf"}
_FOLDER_PATTERNS = ("checkpoint-*", "global_step*")
_OTHER_FORMATS = {
    ".pth", ".gguf", ".ggml", ".onnx", ".onnx_data", ".msgpack", ".h5", ".tflite", ".ot", ".mlmodel", ".mlpackage",
    ".ckpt", ".keras", ".pkl", ".tar", ".gz", ".tgz", ".zip", ".7z", ".npz", ".engine", ".lock", ".tmp", ".incomplete",
}  # fmt: skip
_PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".pdf", ".mp4", ".mp3", ".wav", ".ipynb"}
_TRAINING = {"training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt", "scaler.pt", "rng_state.pth"}
_PAPERS = {".md", ".rst"}
_PAPER_NAMES = ("license*", "notice*", "readme*", "*.sha256", "*sha256sum*")
PICKLES = (".bin", ".pt")


def wanted(names: Iterable[str], extra_args: Mapping[str, str]) -> list[str]:
    """The names that vLLM or a reader of the artifact needs: one kind of weights, JSON, tokenizer, code, papers."""
    kept = sorted(name for name in names if _kept(PurePosixPath(name)))
    tops = [name for name in kept if "/" not in name]
    safetensors = {name for name in tops if name.endswith(".safetensors")}
    pickles = {name for name in tops if name.endswith(PICKLES)}
    unread = safetensors if pickles and extra_args.get("load_format") in ("pt", "npcache") else pickles
    return [name for name in kept if name not in unread or not safetensors]


def chosen(names: Iterable[str], include: list[str], exclude: list[str], extra_args: Mapping[str, str]) -> list[str]:
    """The names to download: what the patterns include, or else what is wanted; never what they exclude."""
    names = list(names)
    if include:
        first = [name for name in sorted(names) if _matches(name, include)]
    else:
        first = _one_copy(wanted(names, extra_args), extra_args)
    return [name for name in first if not _matches(name, exclude)]


def weights_read(names: Iterable[str], extra_args: Mapping[str, str]) -> list[str]:
    """Of safetensors files at the top of a folder, those that vLLM reads: where Mistral's own set is, that one."""
    names = sorted(names)
    consolidated = [name for name in names if name.startswith("consolidated")]
    if extra_args.get("load_format", "auto") in ("auto", "mistral") and consolidated:
        return consolidated
    return [name for name in names if name not in consolidated] or consolidated


def is_metadata(name: str, size: int, modules: Collection[str] = ()) -> bool:
    """Whether a file beside the weights belongs to a model and to its artifact."""
    path = PurePosixPath(name)
    if any(path.is_relative_to(folder) for folder in modules):
        return _kept(path)
    weights = path.suffix in (".safetensors", ".bin", ".pt") or name.endswith(".index.json")
    return _kept(path) and not weights and size <= 512 * 1024**2


def _one_copy(names: list[str], extra_args: Mapping[str, str]) -> list[str]:
    """Without the second copy of the weights that Mistral's repositories carry."""
    safetensors = {name for name in names if "/" not in name and name.endswith(".safetensors")}
    consolidated = {name for name in safetensors if name.startswith("consolidated")}
    if not consolidated or consolidated == safetensors:
        return names
    if "mistral" in (extra_args.get("load_format"), extra_args.get("config_format")):
        unread = safetensors - consolidated | {"model.safetensors.index.json"}
    else:
        unread = consolidated | {"consolidated.safetensors.index.json"}
    return [name for name in names if name not in unread]


def decides(name: str) -> bool:
    """Whether a file's content can change the artifact; papers cannot."""
    path = PurePosixPath(name)
    return path.suffix.lower() not in _PAPERS and not any(
        fnmatchcase(path.name.lower(), pattern) for pattern in _PAPER_NAMES
    )


def _kept(path: PurePosixPath) -> bool:
    *folders, name = path.parts
    if any(part.startswith(".") for part in path.parts):
        return False
    if any(folder in _FOLDERS or any(fnmatchcase(folder, each) for each in _FOLDER_PATTERNS) for folder in folders):
        return False
    suffix = path.suffix.lower()
    return suffix not in _OTHER_FORMATS and suffix not in _PICTURES and name not in _TRAINING


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern + "*" if pattern.endswith("/") else pattern) for pattern in patterns)
