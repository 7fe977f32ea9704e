"""Publishers of alert events: Kafka and webhook."""
