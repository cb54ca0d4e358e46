"""The authoring side: from YAML files to a compiled bundle.

Holds the models of the journey language, CEL expressions, Liquid templates, the linter and the compiler. The input is files and
the output is plain data: nothing here talks to Kafka or decides about a customer.
"""
