"""The `elasticsearch` destination type: a batch becomes one bulk request, an event one document."""

from typing import Any

from freehold_sdk import Batch, ErrorKind, Failure, Outcome, credential, destination_type, http, log

import bulk


class Elasticsearch:
    """One index of one customer."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.index = config["index"]
        self.url = f"{config['url'].rstrip('/')}/{self.index}"
        self.key = credential.field("api_key")

    def deliver(self, batch: Batch) -> list[Outcome]:
        request = http.post(f"{self.url}/_bulk").secret_header("authorization", "ApiKey ", self.key)
        answer = request.header("content-type", "application/x-ndjson").body(bulk.body(batch.events)).send()
        if answer.status == 404:
            raise self.no_index()
        outcomes = bulk.outcomes(answer.or_raise().json(), len(batch.events))
        refused = sum(outcome is not None for outcome in outcomes)
        if refused:
            log.warn(f"{refused} of {len(outcomes)} events were not taken by {self.index}")
        return outcomes

    def verify(self) -> None:
        """Looks at the index: nothing is written."""
        answer = http.get(self.url).secret_header("authorization", "ApiKey ", self.key).send()
        if answer.status == 404:
            raise self.no_index()
        answer.or_raise()

    def no_index(self) -> Failure:
        reason = f"there is no index `{self.index}`: create it, or correct the name"
        return Failure(ErrorKind.CONFIG, "index-missing", reason, request_sent=True)


Sink = destination_type(Elasticsearch)
