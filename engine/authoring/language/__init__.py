"""The language: strict pydantic models of the YAML files that authors of journeys write.

Each kind of file (journey, policy, traits, template) has its own module. The JSON Schemas, the reference page and the messages
about wrong values are made from these models. Nothing in this folder reads or compiles files, or compares one file with
another.
"""
