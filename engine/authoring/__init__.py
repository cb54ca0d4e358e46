"""The authoring side of Dalang: reads YAML files, checks them and compiles them to a bundle.

This package contains the models of the journey language, CEL expressions, Liquid templates, the linter and the compiler. Its
input is files and its output is data. No module of this package talks to Kafka or makes decisions about a customer.
"""
