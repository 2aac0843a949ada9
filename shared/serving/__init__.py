"""Real-time scoring: models kept in memory, exchanged while they answer; calls that share a batch; what is counted."""
