"""Asks BigQuery by Google's own client library: what do the tables hold, and how were they made?

Usage: client.py URL KEY_FILE COMMAND, with the command's arguments as one JSON object on stdin. Prints JSON lines.
"""

import json
import sys

from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import Conflict, NotFound
from google.cloud import bigquery
from google.oauth2 import service_account

# Seconds that anything may take: the machine may be busy.
LONG = 60


def say(value):
    print(json.dumps(value, default=str), flush=True)


def make_dataset(client, dataset):
    try:
        client.create_dataset(dataset, timeout=LONG)
    except Conflict:
        pass


def make_table(client, table, columns):
    fields = [bigquery.SchemaField(name, kind, mode=mode) for name, kind, mode in columns]
    client.create_table(bigquery.Table(f"{client.project}.{table}", schema=fields), timeout=LONG)


def query(client, sql):
    for row in client.query(sql, timeout=LONG).result(timeout=LONG):
        say(dict(row))


def table(client, table):
    try:
        found = client.get_table(f"{client.project}.{table}", timeout=LONG)
    except NotFound:
        return
    partitioning = found.time_partitioning
    say(
        {
            "columns": {field.name: [field.field_type, field.mode] for field in found.schema},
            "partitioned_by": partitioning and [partitioning.type_, partitioning.field],
            "clustered_by": found.clustering_fields,
        }
    )


COMMANDS = {f.__name__: f for f in (make_dataset, make_table, query, table)}

if __name__ == "__main__":
    url, key, command = sys.argv[1:4]
    with open(key) as file:
        account = {**json.load(file), "token_uri": f"{url}/token"}
    credentials = service_account.Credentials.from_service_account_info(
        account, scopes=["https://www.googleapis.com/auth/bigquery"]
    )
    client = bigquery.Client(
        project=account["project_id"], credentials=credentials, client_options=ClientOptions(api_endpoint=url)
    )
    COMMANDS[command](client, **json.load(sys.stdin))
