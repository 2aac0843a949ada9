"""A peer of Azure's services on this machine: loopback HTTPS that holds the real SDKs to Microsoft's contract.

The app's own code path runs against it unchanged: `DefaultAzureCredential` gets tokens from its managed-identity
endpoint, TLS is checked against its certificate, every request and every answer against the service's OpenAPI.

- server.py: HTTPS, tokens, injected faults, checks, and then the service that the path belongs to
- exchange.py: what a service sees of a request, and how it answers or refuses
- certificate.py, tokens.py, faults.py, clock.py: what the server is made of
- openapi.py, sdk_models.py: the contract, from Microsoft's file or else from the installed SDK
- batch/: Azure Batch
- ml/: Azure Machine Learning
- subscription.py, registry.py: what Resource Manager tells of a subscription, and a registry of images
"""
