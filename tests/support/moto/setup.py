"""Makes the users of an AWS account: its owner, one who may send, and one who may do nothing. Says what it made as JSON.

Usage: setup.py ENDPOINT. Each question counts, for the server checks signatures from a certain number on.
"""

import json
import sys

import boto3

anybody = {"region_name": "eu-west-1", "aws_access_key_id": "anybody", "aws_secret_access_key": "anybody"}
iam = boto3.client("iam", endpoint_url=sys.argv[1], **anybody)

# AWS asks for sqs:SendMessage where messages are sent in batches; moto asks for the operation's own name.
SENDING = ["sqs:SendMessage", "sqs:SendMessageBatch", "kinesis:PutRecords"]
made = {}
for name, actions in (("owner", "*"), ("sender", SENDING), ("stranger", ["iam:GetUser"])):
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    made[name] = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
print(json.dumps(made))
