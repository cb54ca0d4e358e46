"""Replay: history in; decisions, actions and stories out. It can message nobody, and knows no Kafka."""
