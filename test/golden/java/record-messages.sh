#!/bin/sh
# Makes test/golden/record-messages.ndjson.gz anew: needs a JDK of 17 or newer, and the folder with the jars of
# kafka-group-coordinator, kafka-transaction-coordinator, kafka-share-coordinator and kafka-metadata 4.3.1 and what they depend on.
#   test/golden/java/record-messages.sh FOLDER_WITH_JARS
set -eu
here=$(dirname "$0")
classes=$(mktemp -d)
trap 'rm -rf "$classes"' EXIT
javac -d "$classes" -cp "$1/*" "$here/RecordMessages.java"
node "$here/random-records.js" | java -cp "$classes:$1/*" RecordMessages | gzip -9n > "$here/../record-messages.ndjson.gz"
