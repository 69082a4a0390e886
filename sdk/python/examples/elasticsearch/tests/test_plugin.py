"""What does the plugin send, and what does it make of the answers?"""

import json
import unittest
from pathlib import Path

from freehold_sdk import ErrorKind, Failure
from freehold_sdk.testing import Answer, Host, event

import plugin

MANIFEST = json.loads((Path(__file__).parent.parent / "manifest.json").read_text())


def opened() -> tuple[Host, type]:
    host = Host(manifest=MANIFEST, credential={"api_key": "bWFkZTp1cA=="})
    return host, host.open(plugin.Sink, {"url": "https://search.example.com:9200/", "index": "events"})


def taken(*statuses: int) -> Answer:
    return Answer(200, json={"items": [{"create": {"status": status}} for status in statuses]})


class Elasticsearch(unittest.TestCase):
    def test_a_batch_becomes_one_bulk_request(self) -> None:
        host, sink = opened()
        host.answer(Answer(200, json={"took": 1, "errors": False, "items": []}))

        outcomes = host.deliver(sink, [event({"n": 1}, id="a"), event("é\n", id="b", data=b'{\n"text":"\xc3\xa9"}')])

        self.assertEqual(outcomes, [None, None])
        [request] = host.requests
        self.assertEqual((request.method, request.url), ("POST", "https://search.example.com:9200/events/_bulk"))
        self.assertEqual(request.header("Authorization"), "ApiKey bWFkZTp1cA==")
        lines = request.text().split("\n")
        self.assertEqual([json.loads(line) for line in lines[0:4:2]], [{"create": {"_id": "a"}}, {"create": {"_id": "b"}}])
        self.assertEqual(json.loads(lines[1])["data"], {"n": 1})
        self.assertEqual(json.loads(lines[3])["data"], {"text": "é"})
        self.assertEqual(lines[4:], [""])

    def test_what_is_there_already_was_delivered(self) -> None:
        host, sink = opened()
        host.answer(taken(409, 201))

        self.assertEqual(host.deliver(sink, [event(1, id="a"), event(2, id="b")]), [None, None])

    def test_each_event_has_its_own_outcome(self) -> None:
        host, sink = opened()
        host.answer(taken(201, 400, 429, 503))

        outcomes = host.deliver(sink, [event(n, id=str(n)) for n in range(4)])

        kinds = [None if outcome is None else outcome.kind for outcome in outcomes]
        self.assertEqual(kinds, [None, ErrorKind.REJECTED, ErrorKind.THROTTLED, ErrorKind.TRANSIENT])

    def test_an_answer_to_the_whole_stands_for_every_event(self) -> None:
        for answer, kind in [
            (Answer(401), ErrorKind.AUTH),
            (Answer(404), ErrorKind.CONFIG),
            (Answer(413), ErrorKind.REJECTED),
            (Answer(500), ErrorKind.TRANSIENT),
            (Answer(200, body="<html>"), ErrorKind.OTHER),
            (Answer(200, json={"items": []}), ErrorKind.OTHER),
            (Failure(ErrorKind.EGRESS_DENIED, "egress-denied", "refused"), ErrorKind.EGRESS_DENIED),
        ]:
            host, sink = opened()
            host.answer(answer)

            with self.assertRaises(Failure) as refused:
                host.deliver(sink, [event(1)])

            self.assertEqual(refused.exception.kind, kind, answer)

    def test_verify_looks_and_writes_nothing(self) -> None:
        host, sink = opened()
        host.answer(Answer(200, json={}))

        host.verify(sink)

        self.assertEqual([(sent.method, sent.body) for sent in host.requests], [("GET", b"")])
