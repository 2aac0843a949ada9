"""The models that answer over HTTP: the one list of them, and how the app's settings have them served."""

from typing import Any

from shared.faq_matching.model import FaqMatching
from shared.image_classification.model import ImageClassification
from shared.serving.batching import Limits
from shared.serving.model import RealTimeModel
from shared.serving.served import Served
from shared.settings import Settings
from shared.storage import Storage

MODELS: tuple[type[RealTimeModel[Any, Any, Any]], ...] = (FaqMatching, ImageClassification)


def serve[M, I, O](model: type[RealTimeModel[M, I, O]], settings: Settings, storage: Storage) -> Served[M, I, O]:
    """A model, served as the settings say; nothing is contacted or read yet."""
    limits = Limits(settings.batch_size, settings.queue_limit, settings.batch_wait_ms / 1000)
    return Served(model(settings, storage.control("bundles")), limits, settings.reload_seconds, _count_call)


def serve_all(settings: Settings, storage: Storage) -> dict[str, Served[Any, Any, Any]]:
    """Every model by its name."""
    return {model.name: serve(model, settings, storage) for model in MODELS}


def _count_call(model: str, size: int) -> None:
    from shared.serving.metrics import metrics

    metrics().called(model, size)
