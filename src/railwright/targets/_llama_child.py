"""The child process that holds a local model: started by ``serve_model``, never imported.

It reads one JSON line of settings from standard input (so the key is in no process list), starts
llama.cpp's own HTTP server, writes one JSON line with the address to standard output, and lives
until standard input closes: when the parent ends, however it ends, the child ends too.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def _parameters(settings: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["path"]
    params.model_alias = {settings["alias"]}
    params.hostnames = ["127.0.0.1"]
    params.port = settings["port"]
    params.api_keys = [settings["key"]]
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["context"] * settings["slots"]
    params.n_threads_http = settings["slots"] + 2
    params.cache_prompt = settings["cache_prompt"]
    params.cache_ram_mib = 256  # prompts kept beside the slots; the runtime's own default is 8 GiB
    params.n_gpu_layers = 0
    params.offline = True
    params.ui = False
    params.verbosity = 1
    return params


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    import xllamacpp

    try:
        server = xllamacpp.Server(_parameters(settings))
    except RuntimeError as error:  # llama.cpp has said why on standard error
        sys.exit(str(error))
    sys.stdout.write(json.dumps({"url": server.listening_address}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # the C++ destructor may wait for a generation that nobody reads any more


if __name__ == "__main__":
    main()
