"""Reads topics as the only member of a group until its input ends: steady_consumer.py BOOTSTRAP TOPIC...

Prints topic, partition, offset and value of each record, and at the end "COMMITTED" with the sum of the offsets that
the group has committed.
"""
import sys
import threading

from confluent_kafka import Consumer, KafkaError, KafkaException

bootstrap, *topics = sys.argv[1:]
stopped = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()

consumer = Consumer(
    {
        "bootstrap.servers": bootstrap,
        "group.id": "readers",
        "auto.offset.reset": "earliest",
        "auto.commit.interval.ms": 200,
        "log_level": 0,
    }
)
consumer.subscribe(topics)
while not stopped.is_set():
    message = consumer.poll(0.2)
    if message is None:
        continue
    if message.error():
        print(f"FAILED {message.error()}", flush=True)
    else:
        print(message.topic(), message.partition(), message.offset(), message.value().decode(), flush=True)
try:
    consumer.commit(asynchronous=False)
except KafkaException as error:
    # The background has committed all of it.
    if error.args[0].code() != KafkaError._NO_OFFSET:
        raise
print("COMMITTED", sum(max(each.offset, 0) for each in consumer.committed(consumer.assignment(), 120)), flush=True)
consumer.close()
