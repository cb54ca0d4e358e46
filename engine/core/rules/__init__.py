"""Rules that answer one question about a moment, a customer or a text, each in its own file.

Calendar, time zone, quiet hours, frequency caps, assignment to arms, SMS parts, language fallback, duplicates, timer order. They
are pure functions over the model: a rule here records no decision and calls no other package than `model`.
"""
