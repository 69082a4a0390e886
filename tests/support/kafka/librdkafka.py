"""Asks a Kafka cluster by librdkafka, which is not Freehold's: what does a topic hold, who leads it, where does a key go?

Usage: librdkafka.py BOOTSTRAP COMMAND, with the command's arguments as one JSON object on stdin. Prints JSON lines.
"""

import json
import sys
import time

from confluent_kafka import Consumer, ElectionType, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

# Seconds that anything may take: the machine may be busy.
LONG = 60


def say(value):
    print(json.dumps(value), flush=True)


def text(value):
    return None if value is None else value.decode("utf-8", "backslashreplace")


def create(settings, topic, partitions, replicas, config):
    new = NewTopic(topic, partitions, replicas, config=config)
    admin = AdminClient(settings)
    admin.create_topics([new], operation_timeout=LONG)[topic].result(LONG)
    wait_for_leaders(settings, topic, partitions)


def wait_for_leaders(settings, topic, partitions):
    """A topic is there for everyone only when each of its partitions has a leader."""
    admin, deadline = AdminClient(settings), time.monotonic() + LONG
    while time.monotonic() < deadline:
        found = admin.list_topics(topic, timeout=LONG).topics.get(topic)
        if found and len(found.partitions) == partitions and all(p.leader >= 0 for p in found.partitions.values()):
            return
        time.sleep(0.05)
    sys.exit(f"topic {topic} has no leaders")


def allow(settings, topics, principal, operations):
    """Lets `principal` do `operations` with every topic whose name begins with one of `topics`."""
    bindings = [
        AclBinding(
            ResourceType.TOPIC,
            prefix,
            ResourcePatternType.PREFIXED,
            f"User:{principal}",
            "*",
            AclOperation[operation],
            AclPermissionType.ALLOW,
        )
        for prefix in topics
        for operation in operations
    ]
    admin = AdminClient(settings)
    for made in admin.create_acls(bindings, request_timeout=LONG).values():
        made.result(LONG)


def leaders(settings, topic):
    partitions = AdminClient(settings).list_topics(topic, timeout=LONG).topics[topic].partitions
    for partition in partitions.values():
        say({"partition": partition.id, "leader": partition.leader, "in_sync": sorted(partition.isrs)})


def elect(settings, topic):
    """Gives each partition back to its preferred leader."""
    admin = AdminClient(settings)
    partitions = [TopicPartition(topic, p) for p in admin.list_topics(topic, timeout=LONG).topics[topic].partitions]
    admin.elect_leaders(ElectionType.PREFERRED, partitions, request_timeout=LONG).result(LONG)


def read(settings, topic):
    """Everything that the topic holds now, in the order of each partition."""
    consumer = Consumer(
        {
            **settings,
            "group.id": "reader",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            # Checks the checksums of what is read, as a careful consumer would.
            "check.crcs": True,
        }
    )
    ends = {}
    for partition in consumer.list_topics(topic, timeout=LONG).topics[topic].partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=LONG)
        if high > low:
            ends[partition] = high
    consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
    deadline = time.monotonic() + LONG
    while ends and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        say(
            {
                "partition": message.partition(),
                "offset": message.offset(),
                "time_ms": message.timestamp()[1],
                "key": text(message.key()),
                "headers": [[name, text(value)] for name, value in message.headers() or []],
                "value": text(message.value()),
            }
        )
        if message.offset() + 1 >= ends.get(message.partition(), 0):
            ends.pop(message.partition(), None)
    consumer.close()
    if ends:
        sys.exit(f"topic {topic} could not be read to its end: {ends}")


def place(settings, topic, keys):
    """Where the partitioner that is compatible with the Java client's puts each key."""
    producer = Producer({**settings, "partitioner": "murmur2_random"})
    for key in keys:

        def delivered(error, message, key=key):
            if error:
                raise KafkaException(error)
            say({"key": key, "partition": message.partition()})

        producer.produce(topic, key=key.encode(), value=b"", on_delivery=delivered)
    producer.flush(LONG)


def write(settings, topic, value, more, token=None):
    """Whether a record can be written with these settings: says its offset, or why not."""
    if token:
        more["oauth_cb"] = lambda _: (token, time.time() + 300)
    errors, done = [], []
    producer = Producer({**settings, "message.timeout.ms": 5000, "error_cb": errors.append, **more})
    producer.produce(topic, value=value.encode(), on_delivery=lambda error, message: done.append((error, message)))
    deadline = time.monotonic() + LONG
    while not done and time.monotonic() < deadline:
        producer.poll(0.1)
        refused = [e for e in errors if e.name() in ("_AUTHENTICATION", "_SSL")]
        if refused:
            return say({"error": refused[0].name()})
    error, message = done[0]
    say({"error": error.name()} if error else {"offset": message.offset()})


COMMANDS = {f.__name__: f for f in (create, allow, leaders, elect, read, place, write)}

if __name__ == "__main__":
    COMMANDS[sys.argv[2]]({"bootstrap.servers": sys.argv[1], "log_level": 0}, **json.load(sys.stdin))
