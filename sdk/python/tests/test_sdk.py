"""Does the package mean by an answer what the other SDKs mean, and is its scripted host as strict as the real one?"""

import json
import unittest
from pathlib import Path

from freehold_sdk import ErrorKind, Failure, credential, destination_type, http, stream
from freehold_sdk.testing import Answer, Host, event

EXPECTED = json.loads((Path(__file__).parent.parent.parent / "status-cases.json").read_text())


class Sdk(unittest.TestCase):
    def test_an_answer_means_what_it_means_in_every_sdk(self) -> None:
        for status, header, kind, wait_ms in EXPECTED["cases"]:
            host = Host(now_ms=EXPECTED["now_ms"])
            host.answer(Answer(status, headers={} if header is None else {"retry-after": header}))

            failure = http.get("https://example.com").send().failure()

            wait = None if failure.retry_after is None else failure.retry_after * 1000
            self.assertEqual((failure.kind.value, wait), (kind, wait_ms), (status, header))
            self.assertEqual(failure.code, f"http-{status}")

    def test_a_signature_of_many_requests_alike_covers_what_it_is_said_to_cover(self) -> None:
        host = Host(credential={"key": "secret"}).answer_by(lambda _: Answer(204))
        alike = http.post("https://example.com").alike(["x-id"])

        alike.signed("x-signature", "sha256=", credential.field("key"), [0, ".", None]).send([(["7"], "data")])

        self.assertEqual(host.requests[0].header("x-signature"), "sha256=zhsmHY9GV7mRYv3E4h0txXTr9i40uRRI1H8s77LO/p0=")

    def test_what_the_manifest_does_not_declare_cannot_be_asked_for(self) -> None:
        key = {"type": "string", "writeOnly": True, "x-prefixes": ["whsec_"]}
        Host(manifest={"credential": {"properties": {"key": key}}}, credential={"key": "whsec_c2VjcmV0"})

        self.assertEqual(len(credential.field("key").without_prefix("whsec_").from_base64()), 6)
        with self.assertRaisesRegex(AssertionError, "declares no credential field `other`"):
            credential.field("other")
        with self.assertRaisesRegex(AssertionError, "does not list `w`"):
            credential.field("key").without_prefix("w")

    def test_a_byte_stream_talks_to_the_other_side_that_the_test_is(self) -> None:
        host = Host(credential={"password": "pw"})
        host.listen("starttls://db.example.com:5432", lambda written: None if b"QUIT" in written else b"ok")
        open_one = stream.connect("starttls://db.example.com:5432", timeout=1)

        with self.assertRaises(Failure) as refused:
            open_one.write_secret("", credential.field("password"), "\0")
        self.assertEqual(refused.exception.code, "stream-clear")
        open_one.start_tls()
        open_one.write_secret("", credential.field("password"), "\0")
        self.assertEqual(open_one.read_exact(4), b"okok")
        open_one.write("QUIT")
        self.assertEqual((open_one.is_open(), open_one.read(9)), (False, b""))
        self.assertEqual(host.streams[0].written, b"pw\0QUIT")

    def test_a_fault_of_the_plugin_is_logged_and_is_no_failure(self) -> None:
        class Faulty:
            def __init__(self, config) -> None:
                pass

            def deliver(self, batch):
                return batch.nothing

            def verify(self) -> None:
                raise Failure(ErrorKind.CONFIG, "broken", "it is broken")

        host = Host()
        sink = host.open(destination_type(Faulty), {})

        with self.assertRaises(AttributeError):
            host.deliver(sink, [event(1)])
        self.assertTrue(host.logged[0][1].startswith("AttributeError: "), host.logged)
        with self.assertRaises(Failure) as refused:
            host.verify(sink)
        self.assertEqual(refused.exception.kind, ErrorKind.CONFIG)
