"""The same index with its vectors in a Chroma server: built, asked, built again, and the server gone."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
from chromadb import HttpClient

from index.build import build
from index.errors import IndexStale, KarmalinkError
from index.settings import Settings
from index.store import open_index
from rag import build_chain

# chromadb leaves the sockets of its clients to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Chroma server on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(folder), "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = b""
    while b"listening" not in said and (line := process.stdout.readline()):
        said += line
    if process.poll() is not None:
        pytest.fail(f"chroma run ended: {said.decode(errors='replace')}")
    drain = Thread(target=process.stdout.read, daemon=True)  # a full pipe would stop it
    drain.start()
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()
    drain.join()
    process.stdout.close()


@pytest.fixture
def served(settings: Callable[..., Settings], film_copy: Path, server: str) -> Settings:
    return settings(chroma=server)


def test_the_same_answers_as_without_a_server(served: Settings, built_settings: Settings) -> None:
    report = build(served)
    assert report.changed and report.embedded == report.passages
    there, here = build_chain(served), build_chain(built_settings)
    for text in ("Who wrote the score?", "How long is the film?", "What did the costumes cost?"):
        one, two = there.invoke(text), here.invoke(text)
        assert (one.answer, one.citations) == (two.answer, two.citations)
    there.index.close()
    here.index.close()


def test_a_build_takes_over_what_stands_and_removes_what_went(served: Settings, server: str) -> None:
    build(served)
    assert not build(served).changed
    for name in ("one.txt", "two.txt", "three.txt"):
        (served.documents / name).write_text(f"A note that is called {name} and nothing else.\n", "utf-8")
        report = build(served)
        assert report.changed and report.embedded == 1
    with closing(open_index(served)) as index:
        assert any("three.txt" in passage.page_content for passage in index.passages)
    client = HttpClient(host="127.0.0.1", port=int(server.rsplit(":", 1)[1]))
    ours = [name for name in (c.name for c in client.list_collections()) if report.version in name]
    assert len(ours) == 2


def test_an_index_of_this_folder_is_not_one_of_a_server(served: Settings, settings: Callable[..., Settings]) -> None:
    build(served)
    with pytest.raises(IndexStale, match="store: http://127.*embedded.*Build it again: karmalink build"):
        open_index(settings())


def test_a_server_that_is_gone_is_named_with_the_command(served: Settings, settings: Callable[..., Settings]) -> None:
    build(served)
    gone = settings(chroma="http://127.0.0.1:9")
    with pytest.raises(KarmalinkError, match=r"No Chroma server answers at http://127\.0\.0\.1:9.*chroma run"):
        build(gone)
    with closing(open_index(served)) as index:
        assert index.passages
