"""Does one thing with a service of AWS, by Amazon's own library, and says as JSON what came of it.

Usage: client.py ENDPOINT, with {"service", "operation", "arguments", "owner"} on stdin. The operations are the library's, and
two of this program's own that read everything: `drain` of a queue, and `records` of a stream.
"""

import base64
import json
import sys

import boto3

question = json.load(sys.stdin)
client = boto3.client(
    question["service"],
    endpoint_url=sys.argv[1],
    region_name="eu-west-1",
    aws_access_key_id=question["owner"]["access_key_id"],
    aws_secret_access_key=question["owner"]["secret_access_key"],
)


def drain(QueueUrl):
    found = []
    while True:
        names = {"MessageAttributeNames": ["All"], "AttributeNames": ["All"]}
        some = client.receive_message(QueueUrl=QueueUrl, MaxNumberOfMessages=10, **names).get("Messages", [])
        if not some:
            return found
        for message in some:
            found.append(message)
            client.delete_message(QueueUrl=QueueUrl, ReceiptHandle=message["ReceiptHandle"])


def records(StreamName):
    found = []
    for shard in client.list_shards(StreamName=StreamName)["Shards"]:
        where = {"StreamName": StreamName, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = client.get_shard_iterator(**where)["ShardIterator"]
        while True:
            answer = client.get_records(ShardIterator=iterator)
            for record in answer["Records"]:
                data = record["Data"].decode()
                found.append({"key": record["PartitionKey"], "data": data, "shard": shard["ShardId"]})
            if not answer["Records"]:
                break
            iterator = answer["NextShardIterator"]
    return found


own = {"drain": drain, "records": records}
operation = own.get(question["operation"]) or getattr(client, question["operation"])
print(json.dumps(operation(**question["arguments"]), default=lambda value: base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)))
