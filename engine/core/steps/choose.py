"""`choose`: the next best offer, the candidate with the highest score of those whose condition holds."""

from engine.core import decisions, definition, moves, view


def begin(step: definition.Choose, looking: view.View) -> moves.Move:
    """Goes to the best candidate, the first in the file of several; without any to what follows, as `none`.

    A candidate whose score is no finite number cannot be had: it is passed over, and the trace says why.
    """
    scores: dict[str, float] = {}
    best: definition.Candidate | None = None
    for candidate in step.candidates:
        if not looking.holds(candidate.condition):
            continue
        score = view.number(looking.value(candidate.score))
        if score is None:
            continue
        scores[candidate.id] = score
        if best is None or score > scores[best.id]:
            best = candidate
    if best is None:
        return moves.Goto((decisions.OfferChosen(None, scores),), "none", step.next)
    return moves.Goto((decisions.OfferChosen(best.id, scores),), best.id, best.goto)
