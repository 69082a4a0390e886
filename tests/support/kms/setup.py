"""Makes what a deployment finds in an AWS account: keys, an alias, and a user who may use them. Says what it made as JSON.

Usage: setup.py ENDPOINT CA. Each question counts, for the server checks signatures from a certain number on.
"""

import json
import sys

import boto3

endpoint, ca = sys.argv[1:]
anybody = {
    "endpoint_url": endpoint,
    "verify": ca,
    "region_name": "eu-west-1",
    "aws_access_key_id": "anybody",
    "aws_secret_access_key": "anybody",
}
kms = boto3.client("kms", **anybody)
iam = boto3.client("iam", **anybody)

key = kms.create_key()["KeyMetadata"]
kms.create_alias(AliasName="alias/freehold", TargetKeyId=key["KeyId"])
other = kms.create_key()["KeyMetadata"]
iam.create_user(UserName="freehold")
allowed = {"Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": "*"}
policy = {"Version": "2012-10-17", "Statement": [allowed]}
iam.put_user_policy(UserName="freehold", PolicyName="wrap", PolicyDocument=json.dumps(policy))
access = iam.create_access_key(UserName="freehold")["AccessKey"]

print(
    json.dumps(
        {
            "arn": key["Arn"],
            "other": other["Arn"],
            "id": access["AccessKeyId"],
            "secret": access["SecretAccessKey"],
        }
    )
)
