"""Quixstreams: a StreamingDataFrame that counts each customer's events in its state and sends one output for each.

Run by the interpreter of `quix_venv.py`: `python quix_count.py BROKER TOPIC OUTPUT GROUP STATE_DIR [exactly-once]`.
"""

import sys
from typing import Any

from quixstreams import Application, State


def count(event: dict[str, Any], state: State) -> dict[str, Any]:
    total = state.get("n", 0) + 1
    state.set("n", total)
    return {"id": event["id"], "n": total}


def main(broker: str, topic: str, output: str, group: str, directory: str, guarantee: str = "at-least-once") -> None:
    app = Application(
        broker_address=broker,
        consumer_group=group,
        auto_offset_reset="earliest",
        state_dir=directory,
        commit_interval=1.0,
        processing_guarantee=guarantee,
        auto_create_topics=True,  # for the changelog of its state
    )
    source = app.topic(topic, key_deserializer="bytes", value_deserializer="json")
    target = app.topic(output, key_serializer="bytes", value_serializer="json")
    frame = app.dataframe(source)
    frame.apply(count, stateful=True).to_topic(target)
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
