"""Which files of a source count: all but what is known to be of no use to vLLM, such as weights in other formats."""

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

# Lower case. What storage and desktops keep in every volume is among them: lost+found, @eaDir, ...
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
_PAPERS = {".md", ".rst"}
_PAPER_NAMES = ("license*", "notice*", "readme*", "*.sha256", "*.sha256sums", "*sha256sum*")
_TOKENIZERS = ("tokenizer*", "vocab*", "*.model", "*.tiktoken", "tekken.json", "merges.txt", "*.index.json")
LARGEST_FILE = 64 * 1024**2
LARGEST_TOKENIZER = 512 * 1024**2
WEIGHTS = (".safetensors", ".bin", ".pt")
PICKLES = (".bin", ".pt")
INDEX, CONSOLIDATED_INDEX = "model.safetensors.index.json", "consolidated.safetensors.index.json"


def wanted(names: Iterable[str], extra_args: Mapping[str, str], sizes: Mapping[str, int] | None = None) -> list[str]:
    """The names that count: one kind of weights, and whatever else is not known to be useless or far too large."""
    sizes = sizes or {}
    kept = sorted(name for name in names if is_weights(name) or is_metadata(name, sizes.get(name, 0)) or _index(name))
    kept = [name for name in kept if _kept(PurePosixPath(name))]
    tops = [name for name in kept if "/" not in name]
    safetensors = {name for name in tops if name.endswith(".safetensors")}
    pickles = {name for name in tops if name.endswith(PICKLES)}
    unread = safetensors if pickles and extra_args.get("load_format") in ("pt", "npcache") else pickles
    return [name for name in kept if name not in unread or not safetensors]


def is_metadata(name: str, size: int, modules: Collection[str] = ()) -> bool:
    """Whether a file beside the weights belongs to a model and to its artifact: configuration, tokenizer, code, papers.

    `name` is relative to the model's folder. `modules`: folders of a sentence-transformers model, which are taken with
    their weights.
    """
    path = PurePosixPath(name)
    if any(path.is_relative_to(folder) for folder in modules):
        return _kept(path)
    return _kept(path) and not is_weights(name) and not _index(name) and size <= largest(name)


def is_weights(name: str) -> bool:
    """Whether a file holds weights in a format that vLLM reads."""
    return PurePosixPath(name).suffix in WEIGHTS


def largest(name: str) -> int:
    """Bytes that a file may have and still be taken; nothing limits weights."""
    if is_weights(name):
        return 1 << 62
    known = any(fnmatchcase(PurePosixPath(name).name, pattern) for pattern in _TOKENIZERS)
    return LARGEST_TOKENIZER if known else LARGEST_FILE


def chosen(
    names: Iterable[str],
    include: list[str],
    exclude: list[str],
    extra_args: Mapping[str, str],
    sizes: Mapping[str, int] | None = None,
) -> list[str]:
    """The names to download: what the patterns include, or else what is wanted; never what they exclude."""
    names = list(names)
    if include:
        first = [name for name in sorted(names) if _matches(name, include)]
    else:
        first = _one_copy(wanted(names, extra_args, sizes), extra_args)
    return [name for name in first if not _matches(name, exclude)]


def weights_read(names: Iterable[str], extra_args: Mapping[str, str]) -> list[str]:
    """Of the files at the top of a folder, those that vLLM's loader reads, before an index narrows them down."""
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
    return next((held for held in pickles if held), [])


def index_read(files: Iterable[str], extra_args: Mapping[str, str]) -> str:
    """The index by which vLLM's loader narrows these files down; empty if it looks at none."""
    files = list(files)
    load_format = extra_args.get("load_format", "auto")
    if not files or not files[0].endswith(".safetensors") or load_format.startswith("runai"):
        return ""
    own_format = load_format == "mistral" or (load_format == "auto" and files[0].startswith("consolidated"))
    return CONSOLIDATED_INDEX if own_format else INDEX


def decides(name: str) -> bool:
    """Whether a file's content can change the artifact; papers cannot."""
    path = PurePosixPath(name)
    return path.suffix.lower() not in _PAPERS and not any(
        fnmatchcase(path.name.lower(), pattern) for pattern in _PAPER_NAMES
    )


def folder_counts(name: str) -> bool:
    """Whether a folder of this name may hold files that count."""
    lower = name.lower()
    useless = lower.startswith(".") or lower in _FOLDERS
    return not useless and not any(fnmatchcase(lower, each) for each in _FOLDER_PATTERNS)


def _one_copy(names: list[str], extra_args: Mapping[str, str]) -> list[str]:
    """Without the second copy of the weights that Mistral's repositories carry."""
    safetensors = {name for name in names if "/" not in name and name.endswith(".safetensors")}
    consolidated = {name for name in safetensors if name.startswith("consolidated")}
    if not consolidated or consolidated == safetensors:
        return names
    if "mistral" in (extra_args.get("load_format"), extra_args.get("config_format")):
        unread = safetensors - consolidated | {INDEX}
    else:
        unread = consolidated | {CONSOLIDATED_INDEX}
    return [name for name in names if name not in unread]


def _index(name: str) -> bool:
    return name.endswith(".index.json")


def _kept(path: PurePosixPath) -> bool:
    *folders, name = path.parts
    if name.startswith(".") or not all(folder_counts(folder) for folder in folders):
        return False
    suffix = path.suffix.lower()
    if suffix in _OTHER_FORMATS or suffix in _PICTURES or name in _TRAINING:
        return False
    return not any(fnmatchcase(name, pattern) for pattern in _TRAINING_PATTERNS)


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern + "*" if pattern.endswith("/") else pattern) for pattern in patterns)
