"""Does the package mean by an answer what the other SDKs mean, and is its scripted host as strict as the real one?"""

import json
import unittest
from pathlib import Path
from typing import Any, Callable

from freehold_sdk import ErrorKind, Failure, context, credential, destination_type, http, stream
from freehold_sdk.testing import Answer, Host, event

EXPECTED = json.loads((Path(__file__).parent.parent.parent / "status-cases.json").read_text())


def databases() -> Host:
    """Each greets on `starttls`, says `ok` to all else, and closes the stream when it is told to quit."""
    host = Host(credential={"password": "pw"})
    for scheme in ["tls", "starttls", "tcp"]:
        said = {b"": b"hi" if scheme == "starttls" else b"", b"QUIT": None, b"LONG": b"x" * 5000}
        host.listen(f"{scheme}://db.example.com:5432", lambda written, said=said: said.get(written, b"ok"))
    return host


def database(scheme: str) -> stream.Stream:
    """An open stream to one of them."""
    return stream.connect(f"{scheme}://db.example.com:5432", timeout=1)


class Sdk(unittest.TestCase):
    def fails(self, code: str, call: Callable[[], Any], *, request_sent: bool = False) -> None:
        with self.assertRaises(Failure) as refused:
            call()
        self.assertEqual((refused.exception.code, refused.exception.request_sent), (code, request_sent))

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

    def test_what_a_credential_is_not_is_said_by_the_codes_of_the_real_host(self) -> None:
        key = {"type": "string", "writeOnly": True, "x-prefixes": ["whsec_"]}
        manifest = {"credential": {"properties": {"user": {"type": "string"}, "key": key}}}
        Host(manifest=manifest, credential={"user": ["me", "was-me"], "key": "[]"})
        secret, seal = credential.field("key"), credential.seal

        self.fails("credential-prefix", lambda: secret.without_prefix("whsec_"))
        self.fails("credential-base64", lambda: secret.from_base64())
        self.fails("credential-json", lambda: secret.json_member("a"))
        self.fails("credential-member", lambda: seal("{}").json_member("a"))
        self.fails("credential-not-text", lambda: seal(b"\xff").json_string())
        self.fails("credential-too-long", lambda: seal("x" * 16_384).with_prefix("x").json_string())
        self.fails("iterations-out-of-range", lambda: secret.derive_pbkdf2("sha256", b"salt", 0))
        with self.assertRaisesRegex(AssertionError, "would end the instance"):
            seal("x" * 16_385)
        user = credential.fields("user")
        self.assertEqual((len(user), len(user[0]), credential.text("user")), (1, 2, "me"))
        for good in ["", "YQ", "YQ=", "YQ==", "YWI", "YWI=", "YWJj"]:
            seal(good).from_base64()
        for bad in ["Y", "Y===", "YR==", "YQ===", "YWJj=", "Y Q=", "Y-_="]:
            self.fails("credential-base64", lambda: seal(bad).from_base64())

    def test_a_stream_that_the_other_side_has_closed_gives_what_it_said_and_then_has_ended(self) -> None:
        databases()
        closed = database("tls")
        closed.write("hello")
        closed.write("QUIT")

        self.assertFalse(closed.is_open())
        self.fails("stream-closed", lambda: closed.write("again"), request_sent=True)
        self.assertEqual((closed.read(9), closed.read(9)), (b"ok", b""))
        self.fails("stream-closed", lambda: closed.write("again"))
        self.fails("stream-closed", lambda: closed.read_exact(1))
        self.fails("stream-closed", lambda: closed.read(9))

    def test_after_any_failure_a_stream_is_closed(self) -> None:
        databases()
        for code, fail in {
            "timeout": lambda one: one.read(9),
            "stream-read-empty": lambda one: one.read(0),
            "stream-read-too-large": lambda one: one.read_exact(16 * 1024 * 1024 + 1),
            "stream-not-starttls": lambda one: one.start_tls(),
        }.items():
            one = database("tls")
            self.fails(code, lambda: fail(one))
            self.assertFalse(one.is_open())
            self.fails("stream-closed", lambda: one.write("hello"))

        unanswered = database("tls")
        unanswered.write("hello")
        self.fails("timeout", lambda: unanswered.read_exact(3), request_sent=True)
        self.fails("connection-refused", lambda: stream.connect("tls://elsewhere:1"))

    def test_little_goes_over_a_stream_before_tls_and_no_secret(self) -> None:
        host = databases()
        password = credential.field("password")
        self.fails("stream-secret-in-clear", lambda: database("starttls").write_secret("", password, "\0"))
        database("tcp").write_secret("", password, "\0")
        self.fails("stream-not-starttls", lambda: database("tcp").start_tls())
        self.fails("stream-starttls-injected", lambda: database("starttls").start_tls())

        secured = database("starttls")
        self.assertEqual(secured.read(9), b"hi")
        secured.start_tls()
        secured.write_secret("", password, "\0")
        self.assertEqual(secured.read_exact(2), b"ok")
        self.fails("stream-not-starttls", lambda: secured.start_tls(), request_sent=True)
        self.assertEqual([one.written for one in host.streams], [b"", b"pw\0", b"", b"", b"pw\0"])

        full = database("starttls")
        full.write("x" * 4096)
        self.fails("stream-clear-limit", lambda: full.write("x"), request_sent=True)
        flooded = database("starttls")
        flooded.write("LONG")
        self.assertEqual(len(flooded.read(9000)), 4096)
        self.fails("stream-clear-limit", lambda: flooded.read(1), request_sent=True)

    def test_a_check_is_no_attempt_at_a_batch_and_changes_none(self) -> None:
        attempts: list[int] = []

        class Counting:
            def __init__(self, config) -> None:
                pass

            def deliver(self, batch):
                attempts.append(context.attempt())
                return [None]

            def verify(self) -> None:
                attempts.append(context.attempt())
                raise Failure(ErrorKind.CONFIG, "broken", "it is broken")

        host = Host()
        sink = host.open(destination_type(Counting), {})

        self.fails("broken", lambda: host.verify(sink))
        host.deliver(sink, [event(1)])
        host.attempt = 2
        host.deliver(sink, [event(1)])
        self.assertEqual(attempts, [0, 1, 2])

    def test_outcomes_may_be_yielded_and_a_failure_between_them_stands_for_all(self) -> None:
        class Yielding:
            def __init__(self, config) -> None:
                self.breaks = config["breaks"]

            def deliver(self, batch):
                yield Failure(ErrorKind.REJECTED, "no", "not this one")
                if self.breaks:
                    raise Failure(ErrorKind.AUTH, "revoked", "the token was revoked")
                yield None

            def verify(self) -> None:
                pass

        host = Host()
        events = [event(1), event(2)]

        outcomes = host.deliver(host.open(destination_type(Yielding), {"breaks": False}), events)
        self.assertEqual([outcome and outcome.code for outcome in outcomes], ["no", None])
        broken = host.open(destination_type(Yielding), {"breaks": True})
        self.fails("revoked", lambda: host.deliver(broken, events))

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
