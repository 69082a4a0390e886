"""Asks a Kafka cluster by librdkafka, which is not Freehold's: what does a topic hold, who leads it, where does a key go?

Usage: librdkafka.py BOOTSTRAP COMMAND, with the command's arguments as one JSON object on stdin. Prints JSON lines.
"""

import json
import sys
import time

from confluent_kafka import Consumer, ElectionType, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

# Seconds that anything may take: the machine may be busy.
LONG = 60


def say(value):
    print(json.dumps(value), flush=True)


def text(value):
    return None if value is None else value.decode("utf-8", "backslashreplace")


def partitions(client, topic):
    found = client.list_topics(topic, timeout=LONG).topics[topic]
    if found.error or not found.partitions:
        raise KafkaException(found.error or f"topic {topic} has no partitions")
    return found.partitions


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


def user(settings, name, password):
    """Makes a user of SCRAM-SHA-512, or removes one when there is no password."""
    mechanism = ScramMechanism.SCRAM_SHA_512
    if password is None:
        change = UserScramCredentialDeletion(name, mechanism)
    else:
        change = UserScramCredentialUpsertion(name, ScramCredentialInfo(mechanism, 4096), password.encode())
    admin = AdminClient(settings)
    admin.alter_user_scram_credentials([change], request_timeout=LONG)[name].result(LONG)


def leaders(settings, topic):
    for partition in partitions(AdminClient(settings), topic).values():
        say({"partition": partition.id, "leader": partition.leader, "in_sync": sorted(partition.isrs)})


def elect(settings, topic):
    """Gives each partition back to its preferred leader."""
    admin = AdminClient(settings)
    wanted = [TopicPartition(topic, partition) for partition in partitions(admin, topic)]
    # Its timeout cannot be given: the wheel's arguments for it do not fit together.
    admin.elect_leaders(ElectionType.PREFERRED, wanted).result(LONG)


def read(settings, topic):
    """Everything that the topic holds now, in the order of each partition."""
    consumer = Consumer(
        {
            **settings,
            "group.id": "reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            # Checks the checksums of what is read, as a careful consumer would.
            "check.crcs": True,
        }
    )
    unread = set(partitions(consumer, topic))
    consumer.assign([TopicPartition(topic, partition, 0) for partition in unread])
    deadline = time.monotonic() + LONG
    while unread and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            if message.error().code() != KafkaError._PARTITION_EOF:
                raise KafkaException(message.error())
            unread.discard(message.partition())
            continue
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
    consumer.close()
    if unread:
        sys.exit(f"topic {topic} could not be read to its end: {unread}")


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


COMMANDS = {f.__name__: f for f in (create, allow, user, leaders, elect, read, place, write)}

if __name__ == "__main__":
    COMMANDS[sys.argv[2]]({"bootstrap.servers": sys.argv[1], "log_level": 0}, **json.load(sys.stdin))
