"""Blobs and queues behind two small ports, so that every rule about storage is tested without a network."""

from shared.storage.accounts import Storage
from shared.storage.azure import AzureBlobs, AzureQueue
from shared.storage.changes import retry_conflicts
from shared.storage.file import BlobFile
from shared.storage.memory import MemoryBlobs, MemoryQueue, MemoryStorage
from shared.storage.ports import Blob, BlobInfo, BlobStore, Content, Queue

__all__ = [
    "AzureBlobs",
    "AzureQueue",
    "Blob",
    "BlobFile",
    "BlobInfo",
    "BlobStore",
    "Content",
    "MemoryBlobs",
    "MemoryQueue",
    "MemoryStorage",
    "Queue",
    "Storage",
    "retry_conflicts",
]
