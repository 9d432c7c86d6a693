"""A number by which runs are compared, and whether more of it is better."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Words of which less is better, and those of which more is.
_LOWER = re.compile(
    "bpb|bpc|bpd|cer|cost|deviation|distance|divergence|err|error|errors|fid|gap|latency|logloss|loss|losses|mae|mape"
    "|memory|mse|nll|perplexity|ppl|regret|rmse|runtime|seconds|smape|std|time|variance|wer"
)
_HIGHER = re.compile(
    "acc|accuracy|ap|auc|auroc|bleu|chrf|correlation|dice|em|f1|iou|kappa|map|mcc|miou|mrr|ndcg|precision|psnr|purity"
    "|r2|recall|return|reward|rewards|rouge|score|sensitivity|specificity|speedup|ssim|throughput|win|winrate"
)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What runs are compared by."""

    #: Of a result, such as `test.accuracy`.
    name: str
    #: None where the name does not say it, and nobody else did.
    is_lower_better: bool | None

    @classmethod
    def parse(cls, text: str) -> Measure:
        """Return what `accuracy`, `accuracy:max` or `energy:min` names; without a direction, the name may tell it."""
        name, colon, direction = text.rpartition(":")
        if colon and direction in ("min", "max"):
            return cls(name=name, is_lower_better=direction == "min")
        return cls(name=text, is_lower_better=_is_lower_better(text))

    def __str__(self) -> str:
        """As it is written where its name does not say which way is better."""
        suffix = {None: "", True: ":min", False: ":max"}[self.is_lower_better]
        return self.name if _is_lower_better(self.name) is self.is_lower_better else f"{self.name}{suffix}"


def _is_lower_better(name: str) -> bool | None:
    # `valLoss`, `test.accuracy` and `f1_score` are words put together.
    words = re.findall(r"[a-z]+[0-9]*", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower())
    is_lower, is_higher = (any(map(known.fullmatch, words)) for known in (_LOWER, _HIGHER))
    return None if is_lower is is_higher else is_lower
