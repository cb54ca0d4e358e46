"""The runtime: Faust, Kafka, the clock and the state. The only folder that may import Faust or aiokafka."""
