"""GLiNER: entities of any kind that can be named, in this process."""

from __future__ import annotations

import importlib
from typing import Any

from railwright.detectors._extras import MissingExtraError
from railwright.detectors.hosted._errors import DetectorConfigError
from railwright.detectors.hosted._labels import read_data
from railwright.detectors.hosted._local import LocalDetector
from railwright.detectors.hosted._options import Options
from railwright.detectors.hosted._pieces import pieces
from railwright.detectors.interface import Context, Detection


class GlinerOptions(Options, frozen=True, kw_only=True):
    """As ``Options``.

    Attributes:
        model: folder of the model, or its name where it lies in the local cache.
        entities: what is looked for, in words; default: those of the built-in mapping.
        least: least score that is a finding.
        onnx: name of an ONNX file in the folder; "" runs the model through torch.
        limit: characters in one piece, so that it fits the 384 words of the model.
        download: let the library fetch a model that is not there.
    """

    model: str = ""
    entities: tuple[str, ...] = ()
    least: float = 0.5
    onnx: str = ""
    limit: int = 1_200
    download: bool = False


class Gliner(LocalDetector[GlinerOptions]):
    """Names, addresses, organisations and whatever else ``entities`` say."""

    adapter = "gliner"
    options_type = GlinerOptions

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if not self.options.model:
            message = (
                'gliner: no model; give its folder, such as get("gliner", model="models/gliner")'
            )
            raise DetectorConfigError(message)
        built_in = read_data("hosted_labels")["services"]["gliner"]
        self._entities = list(self.options.entities or built_in)

    def _load(self) -> Any:
        try:
            gliner = importlib.import_module("gliner")
        except ImportError as error:
            detail = "install it with: pip install gliner"
            raise MissingExtraError("gliner", "the detector gliner", detail) from error
        told: dict[str, Any] = {"local_files_only": not self.options.download}
        if self.options.onnx:
            told |= {"load_onnx_model": True, "onnx_model_file": self.options.onnx}
        return gliner.GLiNER.from_pretrained(self.options.model, **told)

    def _find(self, text: str, context: Context) -> list[Detection]:  # noqa: ARG002
        found = []
        for span in pieces(text, self.options.limit):
            part = text[span.start : span.stop]
            said = self._model.predict_entities(part, self._entities, threshold=self.options.least)
            for item in said:
                if self.labels.counts(item["label"], item["score"], decided=True):
                    place = (span.start + item["start"], span.start + item["end"])
                    found.append(self._finding(place, item["label"], item["score"]))
        return found
