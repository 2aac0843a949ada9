"""A local Azure Functions host and the services around it, for machines without Core Tools."""
