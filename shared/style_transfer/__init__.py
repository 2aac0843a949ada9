"""Style transfer: uploaded videos, and the networks that style them."""
