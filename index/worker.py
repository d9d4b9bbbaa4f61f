"""One child process that parses papers within bounds of time and memory; run as `python -m index.worker`.

A paper comes from anywhere: one that blows up, hangs or takes its library down ends the child, not the build.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from index import child
from index.errors import PaperError
from index.paper import Block, Loaded

try:
    import resource
except ImportError:  # not on Windows, where the clock has to do
    resource = None  # type: ignore[assignment]

# of the processor, so that a busy machine is no fault of the paper; and by the clock, for one that waits for ever
SECONDS = 60
PATIENCE = 5
MEGABYTES = 1536


class Worker:
    """Starts its child with the first paper, keeps it for the next, replaces it when it broke a bound."""

    def __init__(self, seconds: int = SECONDS, megabytes: int = MEGABYTES) -> None:
        self.seconds = seconds
        self.megabytes = megabytes
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def parse(self, path: Path, name: str) -> Loaded:
        """Text and blocks of one file. Raises PaperError with the reason, a breach of the bounds among them."""
        process = self._running()
        request = json.dumps({"path": os.fspath(path), "name": name}).encode() + b"\n"
        try:
            _pipe(process.stdin).write(request)
            _pipe(process.stdin).flush()
            answer = self._answer(process)
        except BrokenPipeError:
            answer = b""
        if not answer.endswith(b"\n"):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
            status = self._stop()
            if status == -signal.SIGXCPU:
                raise PaperError(self._too_long())
            raise PaperError(f"reading it ended the reading process (status {status}); the file is likely damaged")
        values = json.loads(answer)
        if "reason" in values:
            raise PaperError(values["reason"])
        return loaded_from(values)

    def _too_long(self) -> str:
        return f"reading it took longer than {self.seconds} seconds"

    def close(self) -> None:
        """End the child, if there is one."""
        self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._stop()
            self._child = subprocess.Popen(
                child.command("index.worker", str(self.megabytes), str(self.seconds)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=child.environment(),
            )
        return self._child

    def _answer(self, process: subprocess.Popen[bytes]) -> bytes:
        until = time.monotonic() + self.seconds * PATIENCE
        pipe = _pipe(process.stdout)
        pieces: list[bytes] = []
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while not (pieces and pieces[-1].endswith(b"\n")):
                if not selector.select(max(0.0, until - time.monotonic())):
                    self._stop()
                    raise PaperError(self._too_long())
                piece = os.read(pipe.fileno(), 1 << 20)
                if not piece:
                    break
                pieces.append(piece)
        return b"".join(pieces)

    def _stop(self) -> int | None:
        process, self._child = self._child, None
        if process is None:
            return None
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        return process.wait()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise PaperError("the reading process has no pipe")
    return pipe


def loaded_to(loaded: Loaded) -> dict[str, Any]:
    """`loaded` as JSON can have it."""
    return {**asdict(loaded), "blocks": [list(vars(block).values()) for block in loaded.blocks]}


def loaded_from(values: dict[str, Any]) -> Loaded:
    """The other way round."""
    return Loaded(**{**values, "blocks": tuple(Block(*block) for block in values["blocks"])})


def main() -> None:
    """Answer one line of JSON on the standard input with one on the standard output, until the input ends."""
    from index.load import parse, read_bytes

    megabytes, seconds = map(int, sys.argv[1:3])
    _limit_memory(megabytes)
    answers = os.fdopen(os.dup(1), "wb")
    # what a library prints must not get between the answers
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        _limit_time(seconds)
        try:
            answer = loaded_to(parse(read_bytes(Path(request["path"])), request["name"]))
        except PaperError as reason:
            answer = {"reason": str(reason)}
        except (MemoryError, RecursionError) as error:
            answer = {"reason": f"reading it takes more memory than {megabytes} MB ({type(error).__name__})"}
        # libraries raise whatever they like on a damaged file, and the next paper has to be read all the same
        except Exception as error:  # noqa: BLE001
            answer = {"reason": f"it cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:200]})"}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _limit_memory(megabytes: int) -> None:
    if resource:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes * 2**20, megabytes * 2**20))


def _limit_time(seconds: int) -> None:
    if resource:
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + seconds + 1, hard))


if __name__ == "__main__":
    main()
