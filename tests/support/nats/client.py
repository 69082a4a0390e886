"""Asks NATS by nats-py, which is not Freehold's: makes streams, and says what they hold.

Usage: client.py SERVER CA COMMAND, with user, password and the command's arguments as one JSON object on stdin. Prints JSON.
"""

import asyncio
import json
import ssl
import sys

import nats
from nats.js.api import DiscardPolicy, StreamConfig

# Seconds that anything may take: the machine may be busy.
LONG = 60


async def add(stream, name, subjects, settings):
    if settings.get("discard") == "new":
        settings["discard"] = DiscardPolicy.NEW
    # nats-py counts it in seconds.
    settings.setdefault("duplicate_window", 24 * 60 * 60)
    await stream.add_stream(StreamConfig(name=name, subjects=subjects, **settings))
    return None


async def read(stream, name):
    state = (await stream.stream_info(name)).state
    if not state.messages:
        return []
    found = []
    for number in range(state.first_seq, state.last_seq + 1):
        message = await stream.get_msg(name, number)
        headers = list((message.headers or {}).items())
        found.append({"subject": message.subject, "headers": headers, "data": message.data.decode()})
    return found


async def main():
    server, ca, command = sys.argv[1:4]
    arguments = json.load(sys.stdin)
    context = ssl.create_default_context(cafile=ca)
    user, password = arguments.pop("user"), arguments.pop("password")
    client = await nats.connect(server, user=user, password=password, tls=context, connect_timeout=LONG)
    try:
        answer = await {"add": add, "read": read}[command](client.jetstream(timeout=LONG), **arguments)
        print(json.dumps(answer))
    finally:
        await client.close()


asyncio.run(main())
