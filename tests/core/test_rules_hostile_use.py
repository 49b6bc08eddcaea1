"""What a careless or hostile hand gives to the rules: keys in the wrong place, numbers that are none, servers that trickle, names that clash."""

import fcntl
import json
import socket
import threading

import pytest

from sde_core.cli.main import main
from sde_core.errors import InputError, JobError, ReadOnlyError, UsageError
from sde_core.project import Project
from sde_core.rules import book_store
from sde_core.rules.book import FORMULA_NAMES, RuleBook
from sde_core.rules.book_edits import added, merged, with_free_name
from sde_core.rules.book_store import BookStore
from sde_core.rules.plain_rule import plain_rule
from sde_core.rules.rating import Question, RatingCache, calls, models
from sde_core.rules.rating.calls import Patience
from sde_core.rules.rating.endpoint import base_address, connect
from tests.core.judge_server import JudgeServer, completion, serving

KEY = "sk-pasted-0123456789"


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.jsonl"
    rows = [{"prompt": f"What is {place} and one?", "completion": f"It is {place + 1}. " * (place % 5 + 1)} for place in range(12)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["rules", "add", str(path), "Be clear to the reader.", "--name", "clear"]) == 0
    return path


# ---- keys


@pytest.mark.parametrize("way", ["folder", "key-file"])
def test_a_key_in_place_of_its_variables_name_is_kept_nowhere(data, tmp_path, capsys, way):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    (tmp_path / "key").write_text("sk-right")
    with serving(JudgeServer(lambda body: completion("3"))) as server:
        place = ["--judge", str(folder)] if way == "folder" else ["--judge", server.url, "--api-key-file", str(tmp_path / "key")]
        assert main(["rules", "rate", str(data), *place, "--api-key-env", KEY]) == 2
        assert not server.requests
    said = capsys.readouterr()
    assert "the variable's name, not the key" in said.err and KEY not in said.err + said.out
    assert all(KEY.encode() not in path.read_bytes() for path in data.parent.rglob("*") if path.is_file())


# ---- numbers


@pytest.mark.parametrize("words", [
    ["--price-in", "nan"], ["--price-out", "inf"], ["--price-in", "1", "--max-cost", "nan"], ["--timeout", "nan"], ["--timeout", "0"],
    ["--timeout", "-1"], ["--max-chars", "-5"], ["--seed", "-5"],
], ids=" ".join)  # fmt: skip
def test_a_number_that_is_none_is_refused_before_anything_is_asked(data, capsys, words):
    with serving(JudgeServer(lambda body: completion("3"))) as server:
        assert main(["rules", "rate", str(data), "--judge", server.url, *words]) == 2
        assert not server.requests
    assert "fault of sde" not in capsys.readouterr().err


@pytest.mark.parametrize("command", [["choose", "-r", "2"], ["truth", "--field", "prompt"], ["compare", "--ask", "2", "-o", "x.jsonl"]])
def test_a_negative_seed_is_refused_in_words(data, capsys, command):
    assert main(["rules", command[0], str(data), *command[1:], "--seed", "-1"]) == 2
    said = capsys.readouterr().err
    assert "--seed" in said and "fault of sde" not in said


@pytest.mark.parametrize("url", ["http://[::1", "http://a:port/v1", "http://a:99999", "http://a:0", "http://\x1b]0;x\x07/"])
def test_an_address_that_cannot_be_parsed_is_refused(url):
    with pytest.raises(UsageError, match="no address of a server") as caught:
        base_address(url)
    assert "\x1b" not in caught.value.message


# ---- servers that trickle


@pytest.fixture
def trickling():
    """Gives the address of a server that lists its models where `lists` says so, and else sends bytes of an endless answer."""
    closing = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def handled(connection, lists, part):
        with connection:
            while not closing.is_set() and (request := connection.recv(65_536)):
                if request.startswith(b"GET") and lists:
                    body = b'{"data": [{"id": "m"}]}'
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
                    continue
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + (b"" if part.endswith(b"\n") else b"content-length: 99999\r\n\r\n"))
                try:
                    while not closing.wait(0.05):
                        connection.sendall(part)
                except OSError:
                    return

    def started(*, lists, part):
        def accepted():
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=handled, args=(connection, lists, part), daemon=True).start()

        threading.Thread(target=accepted, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/v1"

    yield started
    closing.set()
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


@pytest.mark.parametrize("part", [b" ", b"x: 1\r\n"], ids=["body", "headers"])
def test_a_server_that_trickles_its_models_is_not_waited_for(trickling, monkeypatch, part):
    monkeypatch.setattr(models, "PATIENCE_S", 0.2)
    with pytest.raises(JobError, match="takes longer"):
        connect(trickling(lists=False, part=part))


@pytest.mark.parametrize("part", [b" ", b"x: 1\r\n"], ids=["body", "headers"])
def test_an_answer_that_trickles_is_lost_alone(trickling, monkeypatch, part):
    monkeypatch.setattr(calls, "_MARGIN_S", 0.1)
    judge = connect(trickling(lists=True, part=part), patience=Patience(attempts=1, timeout_s=0.3))
    [(_, answer)] = judge.answers([(0, Question("?", 1))], cancel=threading.Event())
    assert "too slowly" in answer.problem


# ---- names of columns


@pytest.mark.parametrize("name", ["row", "quality", "Quality"])
def test_no_rule_hides_a_column_of_the_written_scores(tmp_path, name):
    rule = plain_rule(name, "Be clear to the reader.")
    with pytest.raises(UsageError, match="column"):
        added(RuleBook(), rule)
    assert with_free_name(RuleBook(), rule).name == f"{name.lower()}-2"
    assert merged(RuleBook(), [rule], source="rules.yaml").added == (f"{name.lower()}-2",)
    path = tmp_path / "rules.yaml"
    path.write_text(f"rules:\n- {name}: Be clear to the reader.\n")
    with pytest.raises(InputError, match=r"line 2: .* column"):
        RuleBook.load(path)


# ---- files


def test_a_lock_that_is_never_given_back_is_not_waited_for(data, monkeypatch):
    monkeypatch.setattr(book_store, "LOCK_PATIENCE_S", 0.05)
    store = BookStore(Project.of(data).rule_book_path)
    before = store.path.read_bytes()
    with store.path.with_name("rules.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ReadOnlyError, match="Another process"):
            store.undo()
    assert store.path.read_bytes() == before
    store.undo()


@pytest.mark.parametrize("left", [b"", b'{"judge": "a", "pro', b"\xff\x00"], ids=["empty", "torn", "binary"])
def test_ratings_whose_description_was_torn_are_found_again(tmp_path, left):
    cache = RatingCache(tmp_path)
    cache.writer("judge", "paper-1").close()
    [about] = tmp_path.glob("*/about.json")
    about.write_bytes(left)
    assert cache.judges() == ()
    cache.writer("judge", "paper-1").close()
    assert cache.judges() == (("judge", "paper-1"),)


# ---- nothing to choose from


def test_a_book_that_leaves_no_rule_says_which_way_out(data, capsys):
    book_path = Project.of(data).rule_book_path
    names = ", ".join(sorted(FORMULA_NAMES))
    for key, said in (("disabled", "No rule is on"), ("banned", "banned")):
        book_path.write_text(f"{key}: [{names}]\n")
        assert main(["rules", "choose", str(data), "-r", "3"]) == 2
        err = capsys.readouterr().err
        assert said in err and "alike" not in err and "sde rules" in err
