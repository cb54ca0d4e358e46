"""The step `choose`: the next best offer, which is the candidate with the highest score of those whose condition holds."""

from engine.core import decisions, definition, moves, view


def begin(step: definition.Choose, looking: view.View) -> moves.Move:
    """Go to the candidate with the highest score; in a tie the first in the file wins.

    Without a candidate the outcome is `none`, and the step after this one follows. A candidate whose score is not a finite number
    is skipped, and the trace says why.
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
