"""Publishers of alert events to other programs: Kafka and webhook."""
