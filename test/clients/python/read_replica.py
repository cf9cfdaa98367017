"""Prints the values of a partition from its first record on, read from the replica in a rack."""
import sys
from confluent_kafka import Consumer, TopicPartition

bootstrap, topic, rack = sys.argv[1:]
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "none", "client.rack": rack})
consumer.assign([TopicPartition(topic, 0, 0)])
while True:
    message = consumer.poll(60)
    if message is not None and not message.error():
        print(message.value().decode(), flush=True)
