"""The step `choose`: it takes the offer with the highest score among the candidates whose condition is true."""

from engine.core.context import decision_context
from engine.core.model import decisions, definition
from engine.core.steps import results


def begin(step: definition.Choose, context: decision_context.Context) -> results.Move:
    """Go to the candidate with the highest score; in a tie, the first candidate in the file wins.

    If no candidate is left, the outcome is `none`, and the instance goes to the step after this one. A candidate whose score is
    not a finite number is skipped; the trace shows its value or its error.
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
