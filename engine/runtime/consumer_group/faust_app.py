"""The Faust application, by which the worker is a member of the consumer group: its settings and its only agent.

Called by the worker. The agent passes each chunk of fetched records to the worker. All settings of Faust are in this file, with
the reasons for those that are surprising.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import faust

from engine.runtime import settings
from engine.runtime.consumer_group import faust_batches
from engine.runtime.kafka import connection

REQUEST_WITHIN: Final = 20.0
"""The shortest time in seconds for which the group's consumer waits for an answer from the broker.

If the session timeout is long, the consumer waits longer. The reason is the request to join the group: the broker may answer it
only after the session timeout of other members.
"""


class _App(faust.App):
    """A Faust application that does not create the directories for Faust's tables, because Dalang has no such tables."""

    async def on_first_start(self) -> None:
        """Do nothing, although Faust calls this to create three directories; Faust would never remove them."""


def app(
    chosen: settings.Settings, broker: connection.Address, events: str, count: int, hand_over: Callable[[Any], Awaitable[None]]
) -> Any:
    """Return the Faust application, not started yet; its agent calls `hand_over` with each chunk of the topic `events`.

    `events` is the full name of the topic `customer.events`, and `count` is its number of partitions. The argument of
    `hand_over` is a Faust event; its `value` is a `faust_batches.Chunk`.
    """
    made = _App(
        chosen.app_id,
        **connection.faust(broker),
        autodiscover=False,
        ConsumerScheduler=faust_batches.BatchScheduler,
        topic_partitions=count,
        topic_allow_declare=False,
        topic_disable_leader=True,
        # There are no tables. But with 0, Faust would use another assignor, which can give equal partition numbers of two topics
        # to different workers.
        table_standby_replicas=1,
        broker_session_timeout=chosen.session_timeout,
        broker_heartbeat_interval=chosen.session_timeout / 4,
        broker_request_timeout=max(REQUEST_WITHIN, 3 * chosen.session_timeout),
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        web_enabled=False,
    )
    made.transport = faust_batches.BatchTransport(made.conf.broker_consumer, made)
    source = made.topic(events, schema=faust_batches.RawSchema(), partitions=count)

    async def engine(stream: Any) -> None:
        async for chunk in stream.noack().events():
            await hand_over(chunk)

    made.agent(source, name="dalang.engine")(engine)
    return made
