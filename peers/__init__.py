"""Stand-ins of Azure services on this machine, for the local host and tests: Event Hubs, Batch, Machine Learning."""
