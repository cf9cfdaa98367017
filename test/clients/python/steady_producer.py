"""Sends numbers with an idempotent producer until its input ends: steady_producer.py BOOTSTRAP TOPIC.

Prints each that was acknowledged, and "FAILED" with the reason for each that was not.
"""
import sys
import threading
import time

from confluent_kafka import Producer

bootstrap, topic = sys.argv[1:]
stopped = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()


def delivered(error, message):
    print(f"FAILED {error}" if error else message.value().decode(), flush=True)


producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "log_level": 0})
number = 0
while not stopped.is_set():
    producer.produce(topic, str(number), on_delivery=delivered)
    number += 1
    producer.poll(0)
    time.sleep(0.02)
producer.flush(120)
