"""AMQP 1.0 on the wire: values, performatives and frames. It knows nothing of hubs."""
