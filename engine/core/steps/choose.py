"""The step `choose`: the next best offer. Of the candidates whose condition is true, the one with the highest score is chosen."""

from engine.core.context import decision_context
from engine.core.model import decisions, definition
from engine.core.steps import results


def begin(step: definition.Choose, context: decision_context.Context) -> results.Move:
    """Go to the candidate with the highest score; in a tie the first in the file wins.

    Without a candidate the outcome is `none`, and the step after this one follows. A candidate whose score is not a finite number
    is skipped, and the trace says why.
    """
    scores: dict[str, float] = {}
    best: definition.Candidate | None = None
    for candidate in step.candidates:
        if not context.holds(candidate.condition):
            continue
        score = decision_context.finite_number(context.value(candidate.score))
        if score is None:
            continue
        scores[candidate.id] = score
        if best is None or score > scores[best.id]:
            best = candidate
    if best is None:
        return results.Goto((decisions.OfferChosen(None, scores),), "none", step.next)
    return results.Goto((decisions.OfferChosen(best.id, scores),), best.id, best.goto)
