"""Authoring: from a directory of YAML to a compiled bundle. No Kafka and no history here."""
