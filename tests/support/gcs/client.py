"""Asks Cloud Storage by Google's own client library: makes a bucket, or says what is in one.

Usage: client.py URL make|objects BUCKET. Prints JSON lines.
"""

import base64
import json
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

url, command, bucket = sys.argv[1:]
options = {"api_endpoint": url}
client = storage.Client(project="acme-events", credentials=AnonymousCredentials(), client_options=options)
if command == "make":
    client.create_bucket(bucket)
else:
    for blob in sorted(client.list_blobs(bucket), key=lambda blob: blob.name):
        data = base64.b64encode(blob.download_as_bytes(raw_download=True)).decode()
        found = {"name": blob.name, "data": data, "content_type": blob.content_type, "generation": blob.generation}
        print(json.dumps(found))
