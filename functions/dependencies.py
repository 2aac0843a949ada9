"""What handlers need, made once per process at the first call: importing the app contacts nothing."""

from functools import cache
from typing import Any

from shared.app import make_driver, make_intake
from shared.faq_matching.model import FaqMatching
from shared.faq_matching.service import Faq
from shared.image_classification.model import ImageClassification
from shared.image_classification.service import Images
from shared.models import serve_all
from shared.runs.driver import Driver
from shared.runs.uploads import Intake
from shared.serving.served import Served
from shared.settings import Settings
from shared.settings.start import check_app
from shared.storage import Storage
from shared.workloads import NAMES


def check_settings() -> None:
    """Raises SettingsError naming every setting with which the app cannot work."""
    check_app(NAMES)


@cache
def settings() -> Settings:
    """The settings, from the environment."""
    return Settings.from_env()


@cache
def storage() -> Storage:
    """The two accounts."""
    return Storage.from_settings(settings())


@cache
def driver() -> Driver:
    """What starts runs and moves them on."""
    return make_driver(settings(), storage())


@cache
def intake() -> Intake:
    """What makes runs of uploads."""
    return make_intake(settings(), storage(), driver())


@cache
def models() -> dict[str, Served[Any, Any, Any]]:
    """Every model that answers over HTTP, by its name."""
    return serve_all(settings(), storage())


def faq() -> Faq:
    """What answers questions."""
    return Faq(models()[FaqMatching.name])


def images() -> Images:
    """What classifies images."""
    return Images(models()[ImageClassification.name])
