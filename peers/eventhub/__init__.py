"""A loopback Event Hubs look-alike, so that the real azure-eventhub SDK runs on a machine without Azure.

It speaks AMQP 1.0 (claims-based security with shared access signatures or tokens of the stand-in identity endpoint,
`$management`, batches, partition keys, positions, consumer groups, owner levels) as the real service was recorded, and
keeps every partition in an append-only file.

What the real service has and this one lacks: throttling and quotas, retention (nothing is ever deleted), Capture,
geo-disaster recovery, the schema registry, AMQP over WebSocket, TLS, and the roles of Microsoft Entra ID.
An acknowledged event survives the death of this process, not a power cut: files are flushed to disk on a clean
stop only.
"""
