"""What a training refuses, with the reason; shared/errors.py needs a newer Python."""


class Refused(ValueError):
    """What was given cannot be used; trying again changes nothing."""
