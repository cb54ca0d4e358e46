"""Liquid templates: parsed, checked and rendered with the library python-liquid, with the same result on every machine."""
