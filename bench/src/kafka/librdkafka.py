"""Writes records with librdkafka, a second at a time, as fast as it takes them.

librdkafka itself is called, in the wheel of confluent-kafka, so that Python does nothing for each record: it hands over
whole batches by rd_kafka_produce_batch.

Usage: librdkafka.py BOOTSTRAP TOPIC BATCH IN_FLIGHT RECORD_BYTES; then a line with seconds on standard input is answered by a
line with the number of records that the broker acknowledged and the seconds that it took.
"""

import ctypes
import glob
import os
import sys
import time

import confluent_kafka

PRODUCER = 0
DELIVERY_REPORT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
# Neither copied nor freed: the value is the same for all records and lives as long as the program.
NO_FLAGS = 0
ANY_PARTITION = -1


class Message(ctypes.Structure):
    """rd_kafka_message_t, as rdkafka.h has it."""

    _fields_ = [
        ("err", ctypes.c_int),
        ("rkt", ctypes.c_void_p),
        ("partition", ctypes.c_int32),
        ("payload", ctypes.c_void_p),
        ("len", ctypes.c_size_t),
        ("key", ctypes.c_void_p),
        ("key_len", ctypes.c_size_t),
        ("offset", ctypes.c_int64),
        ("private", ctypes.c_void_p),
    ]


def library():
    site = os.path.dirname(os.path.dirname(confluent_kafka.__file__))
    [path] = glob.glob(os.path.join(site, "confluent_kafka.libs", "librdkafka*.so*"))
    found = ctypes.CDLL(path)
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_topic_new", "rd_kafka_topic_conf_new"):
        getattr(found, name).restype = ctypes.c_void_p
    return found


def main():
    bootstrap, topic, batch, in_flight, record_bytes = sys.argv[1:]
    batch = int(batch)
    lib = library()
    text = ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(lib.rd_kafka_conf_new())
    settings = {
        "bootstrap.servers": bootstrap,
        "acks": "all",
        "enable.idempotence": "true",
        "compression.type": "none",
        "batch.num.messages": str(batch),
        "max.in.flight.requests.per.connection": in_flight,
        "linger.ms": "5",
        # Python hears of failures alone, and does nothing for a record that is written.
        "delivery.report.only.error": "true",
        "queue.buffering.max.messages": str(batch * 40),
    }
    for name, value in settings.items():
        if lib.rd_kafka_conf_set(conf, name.encode(), value.encode(), text, 512) != 0:
            raise SystemExit(text.value.decode())
    refused = [0]

    @DELIVERY_REPORT
    def report(_client, _message, _opaque):
        refused[0] += 1

    lib.rd_kafka_conf_set_dr_msg_cb(conf, report)
    client = ctypes.c_void_p(lib.rd_kafka_new(PRODUCER, conf, text, 512))
    if not client:
        raise SystemExit(text.value.decode())
    handle = ctypes.c_void_p(lib.rd_kafka_topic_new(client, topic.encode(), None))
    value = ctypes.create_string_buffer(b"x" * int(record_bytes), int(record_bytes))
    key = ctypes.create_string_buffer(b"the key", 7)
    messages = (Message * batch)()
    for message in messages:
        message.payload, message.len = ctypes.addressof(value), len(value)
        message.key, message.key_len = ctypes.addressof(key), 7

    print("ready", flush=True)
    for line in sys.stdin:
        wanted = float(line)
        began = time.monotonic()
        written = 0
        while time.monotonic() - began < wanted:
            taken = lib.rd_kafka_produce_batch(handle, ANY_PARTITION, NO_FLAGS, messages, batch)
            written += taken
            # A full queue: wait for the broker.
            lib.rd_kafka_poll(client, 0 if taken == batch else 5)
        lib.rd_kafka_flush(client, 30_000)
        took = time.monotonic() - began
        if refused[0] or lib.rd_kafka_outq_len(client):
            raise SystemExit("the broker did not take every record")
        print(written, took, flush=True)


main()
