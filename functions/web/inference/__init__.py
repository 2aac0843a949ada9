"""The Open Inference Protocol (v2) over HTTP: what today's inference clients speak."""
