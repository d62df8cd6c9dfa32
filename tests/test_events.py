from pathlib import Path

from core.events import EventWriter, NoticeEvent, events_from, read_events


def test_events_are_numbered_and_go_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    EventWriter(path).write(NoticeEvent("one"))
    EventWriter(path).write(NoticeEvent("two"))
    assert [(event["n"], event["text"]) for event in read_events(path)] == [(1, "one"), (2, "two")]


def test_half_a_line_waits_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    EventWriter(path).write(NoticeEvent("one"))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:10])
    events, offset = events_from(path, 0)
    assert len(events) == 1 and offset == len(whole)
    path.write_bytes(whole + whole)
    assert len(events_from(path, offset)[0]) == 1


def test_broken_last_line_of_a_killed_writer_swallows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    EventWriter(path).write(NoticeEvent("one"))
    path.write_bytes(path.read_bytes() + b'{"n": 2, "type": "no')
    EventWriter(path).write(NoticeEvent("two"))
    assert [event["text"] for event in read_events(path)] == ["one", "two"]


def test_no_file_is_no_events(tmp_path: Path) -> None:
    assert events_from(tmp_path / "none.jsonl", 0) == ([], 0)


def test_line_that_lacks_only_its_end_keeps_its_number(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    EventWriter(path).write(NoticeEvent("one"))
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    EventWriter(path).write(NoticeEvent("two"))
    assert [event["n"] for event in read_events(path)] == [1, 2]
