"""What happens to a process because another one ended: it hides nothing that happened before."""

FELT = (
    r"Connection (closed|reset|refused|aborted)|ConnectionError|Broken ?pipe|\bcancell?ed\b|Cancell?edError|EOFError"
    r"|BrokenProcessPool|process pool|died unexpectedly|initialization failed|Executor failed|EngineDead|SystemExit"
    r"|Timed? ?out|barrier|remote process|\b(by|from|remote) peer"
)
