"""Faust as a member of the consumer group: the application, its settings, and the one agent that passes chunks on.

Called by the worker, which handles the chunks. The reason for each setting is next to the setting.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import faust

from engine.runtime import settings
from engine.runtime.consumer_group import faust_batches
from engine.runtime.kafka import connection

REQUEST_WITHIN: Final = 20.0
"""Seconds within which a broker must answer the consumer: long, because a join waits for other members' session timeout."""


class _App(faust.App):
    """An application without the directories that Faust makes for tables."""

    async def on_first_start(self) -> None:
        """Do nothing, because Faust would make three directories here, even without tables, and never remove them."""


def app(
    chosen: settings.Settings, broker: connection.Address, events: str, count: int, hand_over: Callable[[Any], Awaitable[None]]
) -> Any:
    """Return the application, not started; it passes each chunk of the topic `events` to `hand_over`.

    `count` is the number of partitions of the topic.
    """
    made = _App(
        chosen.app_id,
        **connection.faust(broker),
        autodiscover=False,
        ConsumerScheduler=faust_batches.BatchScheduler,
        topic_partitions=count,
        topic_allow_declare=False,
        topic_disable_leader=True,
        # There are no tables, but with 0 Faust would use another assignor, which spreads co-partitioned topics.
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
