"""Runs one scenario of librdkafka's Python client against a broker: client.py BOOTSTRAP SCENARIO."""
import sys
import time
import uuid

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

BOOTSTRAP = sys.argv[1]
TIMEOUT = 120


def unique(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


# One for the whole scenario: a client that is collected takes its unanswered requests with it.
ADMIN = AdminClient({"bootstrap.servers": BOOTSTRAP})


def new_topic(prefix, partitions=1, **config):
    topic = unique(prefix)
    ADMIN.create_topics([NewTopic(topic, partitions, 1, config=config)])[topic].result(TIMEOUT)
    return topic


def producer(**settings):
    return Producer({"bootstrap.servers": BOOTSTRAP, **{k.replace("_", "."): v for k, v in settings.items()}})


def consumer(group, **settings):
    return Consumer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "heartbeat.interval.ms": 300,
            **{k.replace("_", "."): v for k, v in settings.items()},
        }
    )


def eventually(what, condition):
    give_up_at = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < give_up_at, f"{what} did not happen"


def read_all(topic, count):
    """Reads without a group's offsets, from the beginning of all partitions."""
    reader = consumer(unique("reader"), enable_auto_commit=False)
    partitions = reader.list_topics(topic, TIMEOUT).topics[topic].partitions
    reader.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    messages = []

    def poll():
        message = reader.poll(0.1)
        if message is not None:
            assert message.error() is None, message.error()
            messages.append(message)
        return len(messages) >= count

    eventually(f"reading {count} records", poll)
    assert reader.poll(0.2) is None, "more records than were produced"
    reader.close()
    return messages


def records(compression):
    topic = new_topic(f"rdkafka-{compression}")
    delivered = []
    sender = producer(compression_type=compression, linger_ms=20)
    for i in range(1000):
        sender.produce(
            topic,
            key=f"key-{i}",
            value=f"value {i} " + "x" * i,
            timestamp=1_700_000_000_000 + i,
            headers=[("trace", b"abc"), ("trace", b"second"), ("nothing", None)],
            on_delivery=lambda error, message: delivered.append((error, message.offset())),
        )
    assert sender.flush(TIMEOUT) == 0
    assert delivered == [(None, i) for i in range(1000)], "deliveries"
    messages = read_all(topic, 1000)
    assert len(messages) == 1000
    for i, message in enumerate(messages):
        assert message.offset() == i
        assert message.key() == f"key-{i}".encode()
        assert message.value() == (f"value {i} " + "x" * i).encode()
        assert message.timestamp() == (1, 1_700_000_000_000 + i)
        assert message.headers() == [("trace", b"abc"), ("trace", b"second"), ("nothing", None)]


def acks():
    topic = new_topic("rdkafka-acks")
    for level in ["0", "1", "all"]:
        sender = producer(acks=level)
        sender.produce(topic, level)
        assert sender.flush(TIMEOUT) == 0
    assert [message.value() for message in read_all(topic, 3)] == [b"0", b"1", b"all"]


def idempotent():
    topic = new_topic("rdkafka-idempotent", 3)
    sender = producer(enable_idempotence=True, batch_num_messages=100, linger_ms=1)
    count = 50_000
    for i in range(count):
        while True:
            try:
                sender.produce(topic, str(i), key=str(i % 50))
                break
            except BufferError:
                sender.poll(0.1)
    assert sender.flush(TIMEOUT) == 0
    messages = read_all(topic, count)
    last = {}
    for message in messages:
        number = int(message.value())
        assert number > last.get(message.partition(), -1), f"{number} came out of order"
        last[message.partition()] = number
    assert len({message.value() for message in messages}) == count


def too_large():
    topic = new_topic("rdkafka-large", **{"max.message.bytes": "1000"})
    errors = []
    sender = producer()
    sender.produce(topic, "x" * 2000, on_delivery=lambda error, _: errors.append(error))
    sender.flush(TIMEOUT)
    assert errors[0].code() == KafkaError.MSG_SIZE_TOO_LARGE, errors


def topics():
    topic = new_topic("rdkafka-topic", 2, **{"retention.ms": "60000"})
    resource = ConfigResource(ResourceType.TOPIC, topic)

    def retention():
        return ADMIN.describe_configs([resource])[resource].result(TIMEOUT)["retention.ms"].value

    assert retention() == "60000"
    entry = ConfigEntry("retention.ms", "70000", incremental_operation=AlterConfigOpType.SET)
    change = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    ADMIN.incremental_alter_configs([change])[change].result(TIMEOUT)
    assert retention() == "70000"
    ADMIN.create_partitions([NewPartitions(topic, 4)])[topic].result(TIMEOUT)
    assert len(ADMIN.list_topics(topic, TIMEOUT).topics[topic].partitions) == 4
    try:
        ADMIN.create_topics([NewTopic(topic, 1, 1)])[topic].result(TIMEOUT)
        raise AssertionError("created twice")
    except KafkaException as error:
        assert error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
    ADMIN.delete_topics([topic])[topic].result(TIMEOUT)
    assert topic not in ADMIN.list_topics(timeout=TIMEOUT).topics


def offsets():
    topic = new_topic("rdkafka-offsets")
    sender = producer()
    for timestamp in [1000, 5000, 3000]:
        sender.produce(topic, str(timestamp), timestamp=timestamp)
        assert sender.flush(TIMEOUT) == 0
    partition = TopicPartition(topic, 0)

    def offset(spec):
        return ADMIN.list_offsets({partition: spec})[partition].result(TIMEOUT).offset

    assert offset(OffsetSpec.earliest()) == 0
    assert offset(OffsetSpec.latest()) == 3
    assert offset(OffsetSpec.max_timestamp()) == 1
    assert offset(OffsetSpec.for_timestamp(1001)) == 1
    deleted = ADMIN.delete_records([TopicPartition(topic, 0, 2)])[TopicPartition(topic, 0, 2)].result(TIMEOUT)
    assert deleted.low_watermark == 2
    assert offset(OffsetSpec.earliest()) == 2


class Member:
    """A consumer whose assignment and values can be looked at between polls."""

    def __init__(self, topic, group, **settings):
        self.consumer = consumer(group, **settings)
        self.values = []
        self.consumer.subscribe([topic])

    def poll(self):
        message = self.consumer.poll(0.02)
        if message is not None:
            assert message.error() is None, message.error()
            self.values.append(int(message.value()))

    @property
    def held(self):
        return len(self.consumer.assignment())


def group(strategy):
    topic = new_topic("rdkafka-group", 4)
    name = unique("rdkafka-group")
    settings = {"partition_assignment_strategy": strategy}

    def produce(first, count):
        sender = producer()
        for i in range(first, first + count):
            sender.produce(topic, str(i), key=str(i))
        assert sender.flush(TIMEOUT) == 0

    def until(what, members, condition):
        def step():
            for member in members:
                member.poll()
            return condition()

        eventually(what, step)

    first = Member(topic, name, **settings)
    until("an assignment of all partitions", [first], lambda: first.held == 4)
    produce(0, 200)
    until("200 records", [first], lambda: len(first.values) == 200)
    second = Member(topic, name, **settings)
    until("two partitions each", [first, second], lambda: first.held == 2 and second.held == 2)
    produce(200, 200)
    until("400 records", [first, second], lambda: len(first.values + second.values) >= 400)
    assert sorted(first.values + second.values) == list(range(400))
    first.consumer.close()
    until("all partitions at the second", [second], lambda: second.held == 4)
    second.consumer.close()
    produce(400, 100)
    third = Member(topic, name, **settings)
    until("the records after the commit", [third], lambda: len(third.values) >= 100)
    third.consumer.close()
    assert sorted(third.values) == list(range(400, 500)), "what the third read"

    committed = consumer(name).committed([TopicPartition(topic, p) for p in range(4)], TIMEOUT)
    assert sum(partition.offset for partition in committed) == 500
    description = ADMIN.describe_consumer_groups([name])[name].result(TIMEOUT)
    assert description.state.name == "EMPTY", description.state
    ADMIN.delete_consumer_groups([name])[name].result(TIMEOUT)


SCENARIOS = {
    **{f"records-{name}": (lambda name=name: records(name)) for name in ["none", "gzip", "snappy", "lz4", "zstd"]},
    "acks": acks,
    "idempotent": idempotent,
    "too-large": too_large,
    "topics": topics,
    "offsets": offsets,
    "group-range": lambda: group("range"),
    "group-cooperative-sticky": lambda: group("cooperative-sticky"),
}

SCENARIOS[sys.argv[2]]()
