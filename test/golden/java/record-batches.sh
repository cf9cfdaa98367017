#!/bin/sh
# Makes test/golden/record-batches.ndjson.gz anew: needs a JDK of 17 or newer, and the folder with the jars of
# kafka-clients 4.3.1 and what it depends on (mvn dependency:copy-dependencies).
#   test/golden/java/record-batches.sh FOLDER_WITH_JARS
set -eu
here=$(dirname "$0")
classes=$(mktemp -d)
trap 'rm -rf "$classes"' EXIT
javac -d "$classes" -cp "$1/*" "$here/RecordBatches.java"
java -cp "$classes:$1/*" RecordBatches | gzip -9n > "$here/../record-batches.ndjson.gz"
