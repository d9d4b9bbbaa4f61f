"""karmalink: the command line. Every command is a line of COMMANDS; what they print is in ui.terminal."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from index.errors import InputError, KarmalinkError

if TYPE_CHECKING:
    from index.settings import Settings

Arguments = Callable[[argparse.ArgumentParser], None]
Run = Callable[[argparse.Namespace], int]


@dataclass(frozen=True)
class Command:
    """One command: what `--help` says, what adds its own arguments, what runs it and gives the exit status."""

    name: str
    help: str
    run: Run
    arguments: Arguments | None = None


def build(args: argparse.Namespace) -> int:
    """`karmalink build`: papers to index, and what came of every paper."""
    from index.build import build as make
    from rag.starters import StarterCheck
    from ui.terminal import BuildProgress, show_build

    with BuildProgress() as progress:
        report = make(args.settings, progress=progress, check=StarterCheck(args.settings))
    show_build(report)
    return 0


def ask(args: argparse.Namespace) -> int:
    """`karmalink ask`: one question, or a chat."""
    from rag.answer import Question
    from rag.chain import LONGEST, build_chain
    from ui.terminal import chat, show_answer

    chain = build_chain(args.settings)
    if args.question is None:
        return chat(chain, as_json=args.json, spoilers=args.spoilers, history=args.history)
    answer = chain.invoke(Question(text=args.question, history=args.history, spoilers=args.spoilers))
    asked = any(c.isalnum() for c in args.question) and len(args.question) <= LONGEST
    if args.json:
        print(_json(answer.model_dump(mode="json")))
    elif asked or answer.answered:
        show_answer(answer)
    else:
        example = next(iter(chain.film.starters), "Who made it?")
        raise InputError(f'{answer.answer} For example: karmalink ask "{example}"')
    return 0 if asked or answer.answered else InputError.exit_status


def serve(args: argparse.Namespace) -> int:
    """`karmalink serve`: the page, the API and the widget."""
    from ui.server import serve as run

    return run(args.settings, args.host, args.port, browser=not args.no_browser, mcp=args.mcp, log=not args.no_log)


def evaluate(args: argparse.Namespace) -> int:
    """`karmalink evaluate`: question sets against the assistant."""
    from rag.evaluation.command import run

    return run(args)


def doctor(args: argparse.Namespace) -> int:
    """`karmalink doctor`: what is installed, what is wrong, what mends it."""
    from ui.doctor import examine
    from ui.terminal import show_findings

    return show_findings(examine(args.settings))


def papers(args: argparse.Namespace) -> int:
    """`karmalink papers`: what the last build took from each paper."""
    from index.store import open_index
    from ui.terminal import show_papers

    show_papers(open_index(args.settings))
    return 0


def passages(args: argparse.Namespace) -> int:
    """`karmalink passages PAPER`: its passages with their places."""
    from index.store import open_index
    from ui.terminal import show_passages

    index = open_index(args.settings)
    found = [passage for passage in index.passages if passage.metadata["document"] == args.paper]
    if not found:
        known = ", ".join(sorted({passage.metadata["document"] for passage in index.passages}))
        raise InputError(f"No paper {args.paper!r} in the index. There are: {known}. See them with: karmalink papers")
    show_passages(found)
    return 0


def questions(args: argparse.Namespace) -> int:
    """`karmalink questions`: what visitors asked in vain, and their thumbs."""
    from ui.questions import command

    return command(args)


def _ask_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", nargs="?", help="the question; without it, a chat begins")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON, and nothing else")
    parser.add_argument(
        "--history", action="append", default=[], metavar="QUESTION", help="a question asked before; may be repeated"
    )
    parser.add_argument("--spoilers", action="store_true", help="let passages in that give the story away")


def _serve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on (default: %(default)s)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page in a browser")
    parser.add_argument("--mcp", action="store_true", help="offer the assistant as an MCP tool too")
    parser.add_argument("--no-log", action="store_true", help="do not keep questions that got no answer")


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    from rag.evaluation.command import add_arguments

    add_arguments(parser)


def _passages_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paper", help="its path inside the documents folder, as karmalink papers shows it")


def _questions_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--csv", action="store_true", help="as CSV, for a spreadsheet")


COMMANDS = (
    Command("build", "read the papers and make the index", build),
    Command("ask", "ask one question, or chat in the terminal", ask, _ask_arguments),
    Command("serve", "open the chat page, the API and the widget", serve, _serve_arguments),
    Command("evaluate", "run question sets and compare runs", evaluate, _evaluate_arguments),
    Command("doctor", "check what is installed and say what mends it", doctor),
    Command("papers", "list the papers and what was taken from them", papers),
    Command("passages", "print the passages of one paper with their places", passages, _passages_arguments),
    Command("questions", "list what visitors asked in vain", questions, _questions_arguments),
)


class _Parser(argparse.ArgumentParser):
    """A parser whose help ends with the settings; they are looked up only when help is asked for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, formatter_class=argparse.RawDescriptionHelpFormatter)

    def format_help(self) -> str:
        self.epilog = _settings_help()
        return super().format_help()


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            parser.exit(message=f"karmalink {version('karmalink')}\n")
        except PackageNotFoundError:
            parser.exit(1, "karmalink is not installed as a package. Run: make setup\n")


STATUSES = "Exit status: 0 well, 1 failed, 2 wrong input, 3 worse than the baseline, 4 under a bar."


def parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """The parser of all commands; only the command `chosen` gets its own arguments, so that no other is imported."""
    top = _Parser(prog="karmalink", description="Ask a film's own papers.")
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    subparsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    shared = _shared()
    for command in COMMANDS:
        sub = subparsers.add_parser(
            command.name,
            help=command.help,
            description=(command.run.__doc__ or "").split("\n")[0],
            parents=[shared],
        )
        sub.set_defaults(run=command.run)
        if command.arguments and command.name == chosen:
            command.arguments(sub)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; an error meant for the user is a line on stderr."""
    argv = list(sys.argv[1:] if argv is None else argv)
    _tolerate_terminals()
    chosen = next((word for word in argv if word in {command.name for command in COMMANDS}), None)
    debug = "--debug" in argv
    if not debug:
        sys.excepthook = unexpected
    try:
        args = parser(chosen).parse_args(argv)
        args.settings = _settings(args)
        status = int(args.run(args) or 0)
        sys.stdout.flush()
        return status
    except KarmalinkError as error:
        if debug:
            traceback.print_exc()
        print(f"karmalink: {error}", file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:
        # The reader of our output has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 1


def _shared() -> _Parser:
    shared = _Parser(add_help=False)
    shared.add_argument("--documents", type=Path, metavar="DIR", help="folder with the film's papers")
    shared.add_argument("--index", type=Path, metavar="DIR", help="folder of the index")
    shared.add_argument("--model", metavar="NAME", help="language model, e.g. ollama:llama3.2")
    shared.add_argument("--debug", action="store_true", help="show where an error came from")
    return shared


def _settings(args: argparse.Namespace) -> Settings:
    from index.settings import Settings

    given = {name: getattr(args, name, None) for name in ("documents", "index", "model")}
    return Settings(**{name: value for name, value in given.items() if value is not None})


def _settings_help() -> str:
    from index.settings import PREFIX, Settings

    lines = ["Settings, by environment:"]
    for name, setting in Settings.model_fields.items():
        default = "none" if setting.default in (None, "") else setting.default
        lines.append(f"  {PREFIX + name.upper():<24} {setting.description or ''} (default: {default})")
    return "\n".join([*lines, "", STATUSES])


def _json(data: object) -> str:
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    return json.dumps(data, ensure_ascii=plain)


def _tolerate_terminals() -> None:
    """A terminal that lacks a character shows another; it does not stop the answer."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")


def unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    said = " ".join(str(error).split()) or "no message"
    print(f"karmalink: unexpected {kind.__name__}: {said}. Run it again with --debug to see where.", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
